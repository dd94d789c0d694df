/* A stand-in for NVIDIA's libnvidia-ml.so.1: the few functions that heygem_daemon.gpu.nvml calls,
 * answering out of the script that $NVML_STUB names.
 *
 * Script: one "key value" a line. "count 2"; "fail.FUNCTION CODE" makes a function return CODE;
 * "N.key value" and "N.fail.FUNCTION CODE" are of device N. MIG instance M of GPU N is device
 * 10 * (N + 1) + M. "N.mig M" divides GPU N into M instances. "N.processes 100,none,300" lists
 * what processes use, in bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilisation;
typedef struct { unsigned pid; unsigned long long used; unsigned gi, ci; } process;

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, VERSION_MISMATCH = 25 };

/* The value of a key, or NULL. */
static const char *find(const char *key)
{
    static char value[512];
    char line[512], name[256];
    FILE *script = fopen(getenv("NVML_STUB"), "r");
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

static int failure(const char *function)
{
    char key[256];
    snprintf(key, sizeof key, "fail.%s", function);
    const char *code = find(key);
    return code ? atoi(code) : 0;
}

static int device_failure(long device, const char *function)
{
    char key[256];
    snprintf(key, sizeof key, "fail.%s", function);
    const char *code = of(device, key);
    return code ? atoi(code) : failure(function);
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
    *out = (unsigned)strtoul(value, NULL, 10);
    return 0;
}

static unsigned long long bytes(void *handle, const char *key)
{
    const char *value = of(number(handle), key);
    return value ? strtoull(value, NULL, 10) : 0;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return failure("nvmlInitWithFlags"); }
int nvmlShutdown(void) { return failure("nvmlShutdown"); }
const char *nvmlErrorString(int code) { (void)code; return "Stub Error"; }

int nvmlSystemGetDriverVersion(char *out, unsigned length)
{
    return text(find("driver"), out, length);
}

int nvmlSystemGetCudaDriverVersion(int *out)
{
    const char *value = find("cuda");
    if (!value) return NOT_SUPPORTED;
    *out = atoi(value);
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *out)
{
    const char *value = find("count");
    *out = value ? (unsigned)atoi(value) : 0;
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
    out->total = bytes(handle, "total");
    out->free = bytes(handle, "free");
    out->used = out->total - out->free;
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2 *out)
{
    int code = device_failure(number(handle), "nvmlDeviceGetMemoryInfo_v2");
    if (code) return code;
    if (out->version != (sizeof *out | 2u << 24)) return VERSION_MISMATCH;
    out->total = bytes(handle, "total");
    out->free = bytes(handle, "free");
    out->reserved = bytes(handle, "reserved");
    out->used = out->total - out->free - out->reserved;
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *handle, utilisation *out)
{
    out->memory = 0;
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
            out[found].pid = 1000 + found;
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
