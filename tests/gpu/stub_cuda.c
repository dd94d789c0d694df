/* A stand-in for NVIDIA's libcuda.so.1: two GPUs of CUDA 13.0, as far as CUDA_VISIBLE_DEVICES shows
 * them, unless CUDA_STUB says what cuInit returns. As in CUDA, an entry of CUDA_VISIBLE_DEVICES
 * that names no GPU ends the list, and cuInit finds no device in an empty list.
 */
#include <stdlib.h>
#include <string.h>

enum { GPUS = 2, NO_DEVICE = 100 };

static int shown(void)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    char copy[512];
    int count = 0;
    if (!visible) return GPUS;
    strncpy(copy, visible, sizeof copy - 1);
    copy[sizeof copy - 1] = 0;
    for (char *item = strtok(copy, ","); item; item = strtok(NULL, ","), count++)
        if (strcmp(item, "0") && strcmp(item, "1")) break;
    return count;
}

int cuInit(unsigned flags)
{
    const char *status = getenv("CUDA_STUB");
    (void)flags;
    if (status) return atoi(status);
    return shown() ? 0 : NO_DEVICE;
}

int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = shown(); return 0; }
