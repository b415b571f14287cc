/* A disk that takes its time: each sync waits for half a second first. Preloaded into the bridge by test_slow_disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int after_a_while(const char *name, int file)
{
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(500000);
    return sync(file);
}

int fsync(int file)
{
    return after_a_while("fsync", file);
}

int fdatasync(int file)
{
    return after_a_while("fdatasync", file);
}
