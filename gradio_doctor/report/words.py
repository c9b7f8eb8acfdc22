"""The fixed words of the text report, in the languages of the prose."""

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
    "code": Prose("In your code", "在你的代码中"),
    "fix": Prose("What to do", "解决办法"),
    "possible": Prose("Also possible", "其他可能"),
    "weak": Prose("Possible, but not sure enough to call", "可能，但把握不足"),
    "because": Prose("because:", "因为："),
    "symptoms": Prose("Seen, and not explained", "看到但无法解释的现象"),
    "path": Prose("How it was found", "诊断路径"),
    "ruled-out": Prose("Ruled out", "已排除"),
    "blind": Prose("Could not be looked at", "无法查看的部分"),
    "next": Prose("Best next look", "下一步最值得查看"),
    "not-seen": Prose("not seen:", "未见："),
    "fact-script": Prose("app", "应用"),
    "fact-app_pid": Prose("pid", "pid"),
    "fact-url": Prose("at", "地址"),
    "fact-gradio_version": Prose("Gradio", "Gradio"),
    "fact-run_log": Prose("its output:", "输出："),
    "fact-logs": Prose("logs:", "日志："),
}
