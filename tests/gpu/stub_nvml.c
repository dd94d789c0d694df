/* A stand-in for NVIDIA's libnvidia-ml.so.1: the few functions that heygem_daemon.gpu calls. They
 * answer from the script that $NVML_STUB names, which is read again for every answer, so that a
 * test can change the machine while a program reads it.
 *
 * Script: one "key value" a line.
 *   count 2                        GPUs, as of the next initialisation
 *   N.key value                    of device N; MIG instance M of GPU N is device 10 * (N + 1) + M
 *   N.mig M                        divides GPU N into M instances
 *   N.processes 100,none,300       what processes use, in bytes
 *   N.tenants 100,300              memory of others, in bytes: less of it is free
 *   xids 0:79,1:31                 errors since the machine started, "GPU:number[:instance]"
 *   module 580                     version of the kernel's driver, LIBRARY's own where not given
 *   fail.FUNCTION CODE             a function answers CODE; N.fail.FUNCTION of device N alone
 *   hang.FUNCTION 1                a function does not return as long as the script says so; it
 *                                  makes a file "<script>.hangs" when it begins to
 * Compiled with -DOLD it lacks what drivers before R535 lack; -DLIBRARY is its version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LIBRARY
#define LIBRARY 580
#endif

typedef unsigned long long bytes;
typedef struct { bytes total, free, used; } memory_v1;
typedef struct { unsigned version; bytes total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilisation;
typedef struct { unsigned pid; bytes used; unsigned gi, ci; } process;
typedef struct { void *device; bytes type, data; unsigned gi, ci; } event;
typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, code;
    bytes value;
} field;

enum {
    NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMEOUT = 10, LIB_RM_MISMATCH = 18,
    VERSION_MISMATCH = 25
};
enum { XID = 8, WHOLE = 0xFFFFFFFF };

/* The value of a key, or NULL. */
static const char *find(const char *key)
{
    static char value[512];
    char line[600], name[256];
    const char *path = getenv("NVML_STUB");
    FILE *script = path ? fopen(path, "r") : NULL;
    int found = 0;
    while (script && !found && fgets(line, sizeof line, script))
        found = sscanf(line, "%255s %511[^\n]", name, value) == 2 && !strcmp(name, key);
    if (script) fclose(script);
    return found ? value : NULL;
}

static const char *of(long device, const char *key)
{
    char full[256];
    snprintf(full, sizeof full, "%ld.%s", device, key);
    return find(full);
}

static long whole(const char *key, long otherwise)
{
    const char *value = find(key);
    return value ? atol(value) : otherwise;
}

static int failure(const char *function)
{
    char key[256];
    snprintf(key, sizeof key, "hang.%s", function);
    while (find(key)) {
        char mark[600];
        snprintf(mark, sizeof mark, "%s.hangs", getenv("NVML_STUB"));
        FILE *file = fopen(mark, "w");
        if (file) fclose(file);
        usleep(20000);
    }
    snprintf(key, sizeof key, "fail.%s", function);
    return (int)whole(key, 0);
}

static int device_failure(long device, const char *function)
{
    char key[256];
    int code = failure(function);
    snprintf(key, sizeof key, "fail.%s", function);
    const char *own = of(device, key);
    return own ? atoi(own) : code;
}

/* Handles are pointers; device N is pointer N + 1, for none may be NULL. */
static long number(void *handle) { return (long)handle - 1; }

static int text(const char *value, char *buffer, unsigned length)
{
    if (!value) return NOT_SUPPORTED;
    snprintf(buffer, length, "%s", value);
    return 0;
}

static int figure(void *handle, const char *function, const char *key, unsigned *out)
{
    int code = device_failure(number(handle), function);
    const char *value = of(number(handle), key);
    if (code) return code;
    if (!value) return NOT_SUPPORTED;
    *out = (unsigned)strtoul(value, NULL, 0);
    return 0;
}

static bytes amount(void *handle, const char *key)
{
    const char *value = of(number(handle), key);
    return value ? strtoull(value, NULL, 10) : 0;
}

static bytes sum(void *handle, const char *key)
{
    const char *list = of(number(handle), key);
    char copy[512];
    bytes total = 0;
    snprintf(copy, sizeof copy, "%s", list ? list : "");
    for (char *item = strtok(copy, ","); item; item = strtok(NULL, ","))
        total += strtoull(item, NULL, 10);
    return total;
}

static bytes vacant(void *handle) { return amount(handle, "free") - sum(handle, "tenants"); }

static unsigned gpus;

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    int code = failure("nvmlInitWithFlags");
    gpus = (unsigned)whole("count", 0);
    return code ? code : whole("module", LIBRARY) != LIBRARY ? LIB_RM_MISMATCH : 0;
}

int nvmlShutdown(void) { return failure("nvmlShutdown"); }
const char *nvmlErrorString(int code) { (void)code; return "Stub Error"; }

int nvmlSystemGetDriverVersion(char *out, unsigned length)
{
    return text(find("driver"), out, length);
}

int nvmlSystemGetCudaDriverVersion(int *out)
{
    *out = (int)whole("cuda", 0);
    return *out ? 0 : NOT_SUPPORTED;
}

int nvmlDeviceGetCount_v2(unsigned *out)
{
    *out = gpus;
    return failure("nvmlDeviceGetCount_v2");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out)
{
    *out = (void *)(long)(index + 1);
    return device_failure(index, "nvmlDeviceGetHandleByIndex_v2");
}

int nvmlDeviceGetUUID(void *handle, char *out, unsigned length)
{
    int code = device_failure(number(handle), "nvmlDeviceGetUUID");
    return code ? code : text(of(number(handle), "uuid"), out, length);
}

int nvmlDeviceGetName(void *handle, char *out, unsigned length)
{
    int code = device_failure(number(handle), "nvmlDeviceGetName");
    return code ? code : text(of(number(handle), "name"), out, length);
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_v1 *out)
{
    int code = device_failure(number(handle), "nvmlDeviceGetMemoryInfo");
    if (code) return code;
    out->total = amount(handle, "total");
    out->free = vacant(handle);
    out->used = out->total - out->free;
    return 0;
}

#ifndef OLD
int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2 *out)
{
    int code = device_failure(number(handle), "nvmlDeviceGetMemoryInfo_v2");
    if (code) return code;
    if (out->version != (sizeof *out | 2u << 24)) return VERSION_MISMATCH;
    out->total = amount(handle, "total");
    out->free = vacant(handle);
    out->reserved = amount(handle, "reserved");
    out->used = out->total - out->free - out->reserved;
    return 0;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *handle, bytes *out)
{
    unsigned bits = 0;
    int code = figure(handle, "nvmlDeviceGetCurrentClocksEventReasons", "throttle", &bits);
    *out = bits;
    return code;
}

/* One field alone: NVML_FI_DEV_GET_GPU_RECOVERY_ACTION. */
int nvmlDeviceGetFieldValues(void *handle, int count, field *out)
{
    unsigned action = 0;
    if (count != 1 || out->field != 230) return NOT_SUPPORTED;
    out->code = figure(handle, "nvmlDeviceGetFieldValues", "recovery", &action);
    out->value = action;
    return 0;
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, bytes *out)
{
    unsigned bits = 0;
    int code = figure(handle, "nvmlDeviceGetCurrentClocksThrottleReasons", "throttle", &bits);
    *out = bits;
    return code;
}

int nvmlDeviceGetUtilizationRates(void *handle, utilisation *out)
{
    const char *memory = of(number(handle), "memory_utilisation");
    out->memory = memory ? (unsigned)atoi(memory) : 0;
    return figure(handle, "nvmlDeviceGetUtilizationRates", "utilisation", &out->gpu);
}

int nvmlDeviceGetTemperature(void *handle, unsigned sensor, unsigned *out)
{
    (void)sensor;
    return figure(handle, "nvmlDeviceGetTemperature", "temperature", out);
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *out)
{
    return figure(handle, "nvmlDeviceGetPowerUsage", "milliwatts", out);
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *out)
{
    return figure(handle, "nvmlDeviceGetEnforcedPowerLimit", "milliwatt_limit", out);
}

int nvmlDeviceGetTotalEccErrors(void *handle, unsigned type, unsigned counter, bytes *out)
{
    unsigned errors = 0;
    int code = figure(handle, "nvmlDeviceGetTotalEccErrors", "ecc", &errors);
    if (type != 1 || counter != 0) return NOT_SUPPORTED; /* uncorrected, volatile */
    *out = errors;
    return code;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process *out)
{
    int code = device_failure(number(handle), "nvmlDeviceGetComputeRunningProcesses_v3");
    const char *list = of(number(handle), "processes");
    char copy[512];
    unsigned room = *count, found = 0;
    if (code || !list) {
        *count = 0;
        return code;
    }
    snprintf(copy, sizeof copy, "%s", list);
    for (char *item = strtok(copy, ","); item; item = strtok(NULL, ","), found++)
        if (found < room) {
            out[found].pid = 1; /* what a container sees is no process of its own */
            out[found].used = strcmp(item, "none") ? strtoull(item, NULL, 10) : ~0ULL;
        }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : 0;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending)
{
    const char *value = of(number(handle), "mig");
    *current = *pending = value ? 1 : 0;
    return device_failure(number(handle), "nvmlDeviceGetMigMode");
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *out)
{
    (void)handle;
    *out = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **out)
{
    const char *value = of(number(handle), "mig");
    if (!value || index >= (unsigned)atoi(value)) return NOT_FOUND;
    *out = (void *)(10 * (number(handle) + 1) + (long)index + 1);
    return 0;
}

int nvmlDeviceGetGpuInstanceId(void *handle, unsigned *out)
{
    *out = (unsigned)(number(handle) % 10);
    return 0;
}

/* Events: how many of the script's Xids the event set has reported. */
static long reported;

/* The Xid at a position of the list; false past its end. */
static int xid(long position, event *out)
{
    const char *list = find("xids");
    char copy[512];
    snprintf(copy, sizeof copy, "%s", list ? list : "");
    for (char *item = strtok(copy, ","); item; item = strtok(NULL, ","))
        if (position-- == 0) {
            long device = 0;
            out->gi = out->ci = WHOLE;
            out->type = XID;
            sscanf(item, "%ld:%llu:%u", &device, &out->data, &out->gi);
            out->device = (void *)(device + 1);
            return 1;
        }
    return 0;
}

int nvmlEventSetCreate(void **out)
{
    event ignored;
    *out = &reported;
    for (reported = 0; xid(reported, &ignored);) reported++;
    return failure("nvmlEventSetCreate");
}

int nvmlEventSetFree(void *set) { (void)set; return 0; }

int nvmlDeviceGetSupportedEventTypes(void *handle, bytes *out)
{
    *out = XID;
    return device_failure(number(handle), "nvmlDeviceGetSupportedEventTypes");
}

int nvmlDeviceRegisterEvents(void *handle, bytes types, void *set)
{
    (void)set;
    return types == XID ? device_failure(number(handle), "nvmlDeviceRegisterEvents") : 2;
}

int nvmlEventSetWait_v2(void *set, event *out, unsigned milliseconds)
{
    (void)set;
    while (!xid(reported, out)) {
        if (milliseconds == 0) return TIMEOUT;
        milliseconds -= milliseconds > 20 ? 20 : milliseconds;
        usleep(20000);
    }
    reported++;
    return 0;
}
