/* A stand-in for libnvidia-ml.so.1: exports what the binding (nvidia-ml-py) calls, with the signatures of nvml.h.
 *
 * It reads the file $FAKE_NVML at nvmlInit: lines "key value...".
 *   init CODE            what nvmlInit returns (0)          hang SECONDS        sleep in nvmlInit
 *   driver TEXT          nvml TEXT                          cuda NUMBER
 *   gpu TOTAL USED NAME  a further device, sizes in MiB     uuid TEXT           of the last device
 *   proc PID MIB KIND    on the last device; KIND c or g; MIB -1: not told
 *   CALL=CODE            that call on the last device fails: memory compute graphics utilisation temperature
 *                        throttled ecc remapped retired capability mode pci mig name
 *   throttled BITS  temperature C  utilisation PERCENT  ecc COUNT  remapped PENDING FAILED  capability MAJOR MINOR
 *   mode NUMBER  reserved MIB
 *   mig                  the last device is in MIG mode      part TOTAL USED      an instance of the last whole device
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long u64;
typedef struct { u64 total, free, used; } memory_t;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned pid; u64 used; unsigned gi, ci; } process_t;
typedef struct { unsigned gpu, memory; } utilisation_t;
typedef struct { char legacy[16]; unsigned domain, bus, device, ids, subsystem; char bus_id[32]; } pci_t;

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, SMALL = 7 };
enum { MEMORY, COMPUTE, GRAPHICS, UTILISATION, TEMPERATURE, THROTTLED, ECC, REMAPPED, RETIRED, CAPABILITY, MODE, PCI,
       MIG, NAME, CALLS };
static const char *CALL[CALLS] = {"memory", "compute", "graphics", "utilisation", "temperature", "throttled", "ecc",
                                  "remapped", "retired", "capability", "mode", "pci", "mig", "name"};

typedef struct {
    char name[96], uuid[96];
    u64 total, used, reserved, bits, ecc;
    unsigned count[2], temperature, busy, pending, failed, mode;
    int major, minor, mig, parent, code[CALLS], index;
    process_t list[2][64];
} gpu_t;

static gpu_t gpus[32], *last;
static int many, init_code, cuda = 12040;
static unsigned hang;
static char driver[80] = "550.54.15", nvml[80] = "12.550.54.15";

static void add(const char *rest, int parent) {
    u64 total = 0, used = 0;
    int at = 0;
    last = &gpus[many];
    memset(last, 0, sizeof *last);
    sscanf(rest, "%llu %llu %n", &total, &used, &at);
    last->total = total << 20, last->used = used << 20;
    last->major = 8, last->minor = 9, last->parent = parent, last->index = many;
    snprintf(last->name, sizeof last->name, "%s", rest[at] ? rest + at : "NVIDIA L4");
    snprintf(last->uuid, sizeof last->uuid, "%s-%08d-0000-0000-0000-000000000000", parent < 0 ? "GPU" : "MIG", many);
    many++;
}

static int whole(int number) {  /* the device with that index, instances left out */
    for (int i = 0; i < many; i++)
        if (gpus[i].parent < 0 && number-- == 0) return i;
    return -1;
}

static void fail(const char *key) {
    const char *code = strchr(key, '=');
    for (int i = 0; code && last && i < CALLS; i++)
        if (!strncmp(key, CALL[i], strlen(CALL[i])) && key + strlen(CALL[i]) == code) last->code[i] = atoi(code + 1);
}

static void process(const char *rest) {
    unsigned pid = 0;
    long long mib = 0;
    char kind = 'c';
    sscanf(rest, "%u %lld %c", &pid, &mib, &kind);
    int which = kind == 'g';
    last->list[which][last->count[which]++] = (process_t){pid, mib < 0 ? ~0ULL : (u64)mib << 20, ~0u, ~0u};
}

static void setting(const char *key, const char *rest) {
    if (!strcmp(key, "init")) init_code = atoi(rest);
    else if (!strcmp(key, "hang")) hang = atoi(rest);
    else if (!strcmp(key, "driver")) snprintf(driver, sizeof driver, "%s", rest);
    else if (!strcmp(key, "nvml")) snprintf(nvml, sizeof nvml, "%s", rest);
    else if (!strcmp(key, "cuda")) cuda = atoi(rest);
    else if (!strcmp(key, "gpu")) add(rest, -1);
    else if (!last) return;
    else if (!strcmp(key, "part")) add(rest, last->parent < 0 ? last->index : last->parent);
    else if (!strcmp(key, "uuid")) snprintf(last->uuid, sizeof last->uuid, "%s", rest);
    else if (!strcmp(key, "proc")) process(rest);
    else if (!strcmp(key, "throttled")) last->bits = strtoull(rest, NULL, 0);
    else if (!strcmp(key, "temperature")) last->temperature = atoi(rest);
    else if (!strcmp(key, "utilisation")) last->busy = atoi(rest);
    else if (!strcmp(key, "ecc")) last->ecc = atoi(rest);
    else if (!strcmp(key, "remapped")) sscanf(rest, "%u %u", &last->pending, &last->failed);
    else if (!strcmp(key, "capability")) sscanf(rest, "%d %d", &last->major, &last->minor);
    else if (!strcmp(key, "mode")) last->mode = atoi(rest);
    else if (!strcmp(key, "reserved")) last->reserved = (u64)atoi(rest) << 20;
    else if (!strcmp(key, "mig")) last->mig = 1;
    else fail(key);
}

int nvmlInitWithFlags(unsigned flags) {
    char line[256], key[64];
    FILE *file = fopen(getenv("FAKE_NVML") ? getenv("FAKE_NVML") : "", "r");
    (void)flags;
    while (file && fgets(line, sizeof line, file)) {
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%63s %n", key, &at) == 1) setting(key, line + at);
    }
    if (file) fclose(file);
    if (hang) sleep(hang);
    return init_code;
}

#define ON(call) gpu_t *g = device; if (!g) return INVALID; if (g->code[call]) return g->code[call]
static int text(char *into, unsigned size, const char *from) { return snprintf(into, size, "%s", from) < 0; }

int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { (void)code; return "stand-in error"; }
int nvmlSystemGetDriverVersion(char *into, unsigned size) { return text(into, size, driver); }
int nvmlSystemGetNVMLVersion(char *into, unsigned size) { return text(into, size, nvml); }
int nvmlSystemGetCudaDriverVersion(int *into) { *into = cuda; return OK; }
int nvmlDeviceGetCount_v2(unsigned *into) { for (*into = 0; whole(*into) >= 0;) ++*into; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **into) {
    int at = whole(index);
    if (at < 0) return INVALID;
    *into = &gpus[at];
    return OK;
}
int nvmlDeviceGetName(void *device, char *into, unsigned size) { ON(NAME); return text(into, size, g->name); }
int nvmlDeviceGetUUID(void *device, char *into, unsigned size) { gpu_t *g = device; return text(into, size, g->uuid); }
int nvmlDeviceGetMemoryInfo(void *device, memory_t *into) {
    ON(MEMORY);
    *into = (memory_t){g->total, g->total - g->used, g->used};
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(void *device, memory_v2_t *into) {
    ON(MEMORY);
    *into = (memory_v2_t){into->version, g->total, g->reserved, g->total - g->used - g->reserved, g->used};
    return OK;
}
static int list(gpu_t *g, int which, unsigned *count, process_t *into) {
    if (!into || *count < g->count[which]) { *count = g->count[which]; return *count ? SMALL : OK; }
    *count = g->count[which];
    memcpy(into, g->list[which], *count * sizeof *into);
    return OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *n, process_t *p) { ON(COMPUTE); return list(g, 0, n, p); }
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *n, process_t *p) { ON(GRAPHICS); return list(g, 1, n, p); }
int nvmlDeviceGetUtilizationRates(void *device, utilisation_t *into) { ON(UTILISATION); into->gpu = g->busy; into->memory = 0; return OK; }
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *into) { (void)sensor; ON(TEMPERATURE); *into = g->temperature; return OK; }
int nvmlDeviceGetCurrentClocksEventReasons(void *device, u64 *into) { ON(THROTTLED); *into = g->bits; return OK; }
int nvmlDeviceGetTotalEccErrors(void *device, int kind, int counter, u64 *into) { (void)kind; (void)counter; ON(ECC); *into = g->ecc; return OK; }
int nvmlDeviceGetRemappedRows(void *device, unsigned *c, unsigned *u, unsigned *pending, unsigned *failed) {
    ON(REMAPPED);
    *c = *u = 0, *pending = g->pending, *failed = g->failed;
    return OK;
}
int nvmlDeviceGetRetiredPagesPendingStatus(void *device, int *into) { ON(RETIRED); *into = 0; return OK; }
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { ON(CAPABILITY); *major = g->major; *minor = g->minor; return OK; }
int nvmlDeviceGetComputeMode(void *device, unsigned *into) { ON(MODE); *into = g->mode; return OK; }
int nvmlDeviceGetPciInfo_v3(void *device, pci_t *into) {
    ON(PCI);
    memset(into, 0, sizeof *into);
    snprintf(into->bus_id, sizeof into->bus_id, "00000000:%02X:00.0", g->index + 1);
    return OK;
}
int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *pending) { ON(MIG); *now = *pending = g->mig; return OK; }
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *into) { (void)device; *into = 7; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **into) {
    gpu_t *g = device;
    for (int i = 0; i < many; i++)
        if (gpus[i].parent == g->index && index-- == 0) { *into = &gpus[i]; return OK; }
    return NOT_FOUND;
}
