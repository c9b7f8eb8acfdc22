"""The fixed words of the text reports, in the languages of the prose."""

from __future__ import annotations

from gradio_doctor.knowledge.model import Prose

WORDS = {
    "healthy": Prose("Nothing wrong was found.", "没有发现问题。"),
    "inconclusive": Prose("No single cause explains what was seen.", "没有哪一个原因能解释所看到的现象。"),
    "sure": Prose("{percent} sure", "把握 {percent}"),
    "examined": Prose(
        "examined in {seconds} s by gradio-doctor {version}", "gradio-doctor {version} 检查用时 {seconds} 秒"
    ),
    "evidence": Prose("Evidence", "证据"),
    "memory-curve": Prose("Its memory while it was watched", "观察期间的内存"),
    "memory-curve-time": Prose(
        "{seconds} s, pid {pid}, {cpu} s of CPU time", "{seconds} 秒，进程 {pid}，CPU 时间 {cpu} 秒"
    ),
    "code": Prose("In your code", "在你的代码中"),
    "stack": Prose(
        "The guilty stack (outermost first, as Python prints it)", "出问题的调用栈（最外层在前，与 Python 一致）"
    ),
    "threads": Prose("What the other threads do", "其他线程在做什么"),
    "more-threads": Prose("... and {count} more threads (-v shows them)", "……另有 {count} 个线程（用 -v 显示）"),
    "does-on": Prose(" on {what}", "（{what}）"),
    "does-at": Prose(" in {place}", "，位于 {place}"),
    "does-thread": Prose(" ({role} thread)", "（{role} 线程）"),
    "does-idle": Prose("idle", "空闲"),
    "does-waiting": Prose("waiting", "等待"),
    "does-gil-wait": Prose("waiting for Python's global lock", "等待全局解释器锁"),
    "does-busy-python": Prose("computing", "计算"),
    "does-busy-native": Prose("in native code", "执行原生代码"),
    "does-moving": Prose("working", "工作"),
    "does-unknown": Prose("doing what cannot be told", "状态未知"),
    "patch": Prose(
        "as a patch (in {directory}: patch -p0 < FILE):", "补丁（在 {directory} 中执行 patch -p0 < 文件）："
    ),
    "fix": Prose("What to do", "解决办法"),
    "possible": Prose("Also possible", "其他可能"),
    "weak": Prose("Possible, but not sure enough to call", "可能，但把握不足"),
    "because": Prose("because:", "因为："),
    "symptoms": Prose("Seen, and not explained", "看到但无法解释的现象"),
    "predictions": Prose(
        "May go wrong (read off the source; nothing was seen of it)", "可能出问题（从源代码看出，目前未见发生）"
    ),
    "predictions-measured": Prose(
        "May go wrong (measured on this system; nothing was seen of it)", "可能出问题（在本系统上测得，目前未见发生）"
    ),
    "time-line": Prose("Time line", "时间线"),
    "until": Prose("until", "直到"),
    "path": Prose("How it was found", "诊断路径"),
    "ruled-out": Prose("Ruled out", "已排除"),
    "blind": Prose("Could not be looked at", "无法查看的部分"),
    "next": Prose("(this look would tell most)", "（这一项最能说明问题）"),
    "could-not-tell": Prose(
        "Could not tell: something that has to be looked at could not be.", "无法判断：有必须查看的内容未能查看。"
    ),
    "more": Prose("... and {count} more (-v shows them)", "……另有 {count} 条（用 -v 显示）"),
    "in": Prose("in", "函数"),
    "error": Prose("error", "错误"),
    "warning": Prose("warning", "警告"),
    "info": Prose("info", "提示"),
    "not-seen": Prose("not seen:", "未见："),
    "fact-script": Prose("app", "应用"),
    "fact-app_pid": Prose("pid", "pid"),
    "fact-url": Prose("at", "地址"),
    "fact-socket": Prose("over the Unix socket", "经由 Unix 套接字"),
    "fact-gradio_version": Prose("Gradio", "Gradio"),
    "fact-run_log": Prose("its output:", "输出："),
    "fact-logs": Prose("logs:", "日志："),
    # bars
    "share-used": Prose("{name}: {used} of {total} in use ({percent})", "{name}：已用 {used}，共 {total}（{percent}）"),
    "share-who": Prose("{role}: {who}", "{role}：{who}"),
    "share-app": Prose("this app", "本应用"),
    "share-leftover": Prose("left over from an earlier run", "上次运行的残留"),
    "share-other": Prose("other processes", "其他进程"),
    "share-hidden": Prose("no process that can be seen from here", "从这里看不到的进程"),
    "share-free": Prose("free", "空闲"),
    "share-rest": Prose("{count} more holders together", "另外 {count} 个占用者合计"),
    "share-gpu-memory": Prose("memory of GPU {name}", "GPU {name} 的显存"),
    "share-memory": Prose("memory {name}", "内存 {name}"),
    "share-container-memory": Prose("memory of the container {name}", "容器内存 {name}"),
    "share-swap": Prose("swap {name}", "交换空间 {name}"),
    "share-shm": Prose("shared memory {name}", "共享内存 {name}"),
    "share-descriptors": Prose("file descriptors {name}", "文件描述符 {name}"),
    "share-threads": Prose("threads and processes {name}", "线程与进程 {name}"),
    "share-disk": Prose("disk space {name}", "磁盘空间 {name}"),
    "share-inodes": Prose("inodes {name}", "inode {name}"),
    # watch
    "watching": Prose("watching pid {pid} at {url}, every {seconds} s (Ctrl-C ends)",
                      "正在观察 pid {pid}（{url}），每 {seconds} 秒一次（Ctrl-C 结束）"),
    "watch-again": Prose("{cause} again (seen {count} times), {seconds} s",
                         "{cause} 再次出现（共 {count} 次），{seconds} 秒"),
    "watch-late": Prose("an answer took {seconds} s; what held it was over when it was looked at",
                        "一次应答用了 {seconds} 秒；查看时阻塞已结束"),
    "watch-well": Prose("answers again, after {seconds} s", "{seconds} 秒后恢复应答"),
    "watch-ended": Prose("the app has ended (pid {pid})", "应用已结束（pid {pid}）"),
    "watch-summary": Prose("watched for {seconds} s: wrong {count} times", "共观察 {seconds} 秒：异常 {count} 次"),
    "watch-nothing": Prose("watched for {seconds} s: nothing was wrong", "共观察 {seconds} 秒：未见异常"),
    "watch-row": Prose("{count} × {what}, {seconds} s at most, {first} to {last}",
                       "{count} × {what}，最长 {seconds} 秒，{first} 至 {last}"),
    "watch-unseen": Prose("late for a reason that was not seen", "延迟，原因未见"),
    # explain
    "how-it-looks": Prose("How it looks", "表现"),
    "how-to-mend": Prose("How to mend it", "解决办法"),
    "verified-by": Prose("Verified by:", "验证方式："),
    "printed-by": Prose("Printed by:", "输出者："),
    "speaks-for": Prose("Speaks for", "支持的原因"),
    "needs": Prose("Needs:", "需要："),
    "if-there": Prose("(if there)", "（若有）"),
    "can-find": Prose("Can find", "可能发现"),
    "a-check": Prose("a check", "检查项"),
    "a-finding": Prose("a finding", "发现"),
    "a-log-line": Prose("a log line", "日志行"),
    "line-like": Prose("a log line like", "类似这样的日志行"),
    "always": Prose("always", "总是"),
    "usually": Prose("usually", "通常"),
    "often": Prose("often", "常常"),
    "sometimes": Prose("sometimes", "有时"),
    "rarely": Prose("rarely", "很少"),
}
