/* Memory straight from the system: address space is reserved, pages are used when touched. */

#include <stddef.h>
#include <sys/mman.h>

/* Of what other threads change meanwhile: it need not be the newest value. */
#define LOOK(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELAXED)

#define LINE 64 /* bytes of a line of the cache */

/* Inside a loop that waits for another thread. */
#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* Zeroed memory; NULL if there is none. */
static void *map_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Random access is all cache and page-table misses: huge pages halve the time. */
    if (bytes >= 1 << 22)
        madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

static void unmap_memory(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}
