/* Sets of rows of words, each row numbered when it is first met, from 0. Several threads may add at once.
 *
 * States are made of few different parts (a shared one, one local to each thread), so a state is kept as the
 * numbers of its parts: the first level of tree compression (Laarman, van de Pol, Weber: Parallel recursive
 * state compression for free, SPIN 2011). */

typedef struct Parts {
    u64 *rows;  /* reserved for `most` rows */
    u64 *slots; /* open addressing: half of the row's hash, and its number + 1; 0 is empty */
    u64 mask;   /* number of slots less 1 */
    u32 most;
    char apart[LINE]; /* what is written often from what is read at every step */
    u32 count;
    char apart_too[LINE];
} Parts;

#define NO_PART 0xffffffffu

static inline u64 scramble(u64 h)
{
    h ^= h >> 32;
    h *= 0x9fb21c651e98df25ULL;
    h ^= h >> 29;
    return h;
}

/* The words are multiplied side by side, each by another odd number, and not one after the other. */
static inline u64 row_hash(const u64 *row, int words)
{
    u64 h = 0;
    UNROLLED
    for (int k = 0; k < words; ++k) {
        u64 part = row[k] * (0x9fb21c651e98df25ULL + 2 * (u64)k * 0x9e3779b97f4a7c15ULL);
        h ^= part << (21 * k & 63) | part >> (-21 * k & 63);
    }
    return scramble(h ^ h >> 31);
}

static int parts_open(Parts *p, int words, u64 slots, u64 most)
{
    p->mask = slots - 1;
    p->count = 0;
    p->slots = map_memory(slots * sizeof *p->slots);
    for (p->rows = NULL; most >= 1 << 16 && !p->rows; most /= 2) {
        p->most = (u32)most;
        p->rows = map_memory(most * (size_t)words * sizeof *p->rows);
    }
    return p->rows && p->slots;
}

static void parts_close(Parts *p, int words)
{
    unmap_memory(p->rows, (size_t)p->most * (size_t)words * sizeof *p->rows);
    unmap_memory(p->slots, (p->mask + 1) * sizeof *p->slots);
    p->rows = NULL;
    p->slots = NULL;
}

static inline u64 parts_bytes(const Parts *p, int words)
{
    return (u64)LOOK(p->count) * (u64)words * sizeof *p->rows + (p->mask + 1) * sizeof *p->slots;
}

static inline void copy_row(u64 *to, const u64 *from, int words)
{
    UNROLLED
    for (int k = 0; k < words; ++k)
        to[k] = from[k];
}

static inline int rows_equal(const u64 *a, const u64 *b, int words)
{
    u64 difference = 0;
    UNROLLED
    for (int k = 0; k < words; ++k)
        difference |= a[k] ^ b[k];
    return !difference;
}

#define HALF_HASH 0xffffffff00000000ULL

static inline u64 first_slot(const Parts *p, u64 hash)
{
    return hash >> 32 & p->mask;
}

/* To look rows up while nothing grows. */
static inline Parts parts_view(const Parts *p)
{
    return (Parts){.rows = p->rows, .slots = p->slots, .mask = p->mask};
}

/* Have the row of this hash, if there is one, on its way: that of its first slot, which should be here, or of the
 * next. Without a branch, as how far it is cannot be predicted. */
static inline void prefetch_row(const Parts *p, u64 hash, int words)
{
    u64 at = first_slot(p, hash);
    u64 first = __atomic_load_n(&p->slots[at], __ATOMIC_RELAXED);
    u64 next = __atomic_load_n(&p->slots[(at + 1) & p->mask], __ATOMIC_RELAXED);
    u64 slot = (first ^ hash) & HALF_HASH ? next : first;
    __builtin_prefetch(p->rows + (size_t)((u32)slot - (slot != 0)) * (size_t)words);
}

/* The number of a row, added if it is new. `spare`: a number that this thread has in reserve, as it lost a
 * race for its slot. */
static inline u32 parts_number(Parts *p, const u64 *row, u64 hash, int words, u32 *spare, int *fresh)
{
    for (u64 at = first_slot(p, hash);; at = (at + 1) & p->mask) {
        u64 slot = __atomic_load_n(&p->slots[at], __ATOMIC_ACQUIRE);
        if (!slot) {
            u32 number = *spare;
            if (number == NO_PART)
                number = __atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED);
            *spare = NO_PART;
            copy_row(p->rows + (size_t)number * (size_t)words, row, words);
            if (__atomic_compare_exchange_n(&p->slots[at], &slot, (hash & HALF_HASH) | (number + 1), 0,
                                            __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
                *fresh = 1;
                return number;
            }
            *spare = number;
        }
        if ((slot ^ hash) & HALF_HASH)
            continue;
        u32 number = (u32)slot - 1;
        if (rows_equal(p->rows + (size_t)number * (size_t)words, row, words))
            return number;
    }
}

/* Whether there should be more slots before much is added. */
static inline int parts_crowded(const Parts *p, u32 margin)
{
    return LOOK(p->count) + (u64)margin > (p->mask + 1) / 8 * 5;
}

#define FEW_SLOTS (1 << 18) /* smaller tables grow faster */

/* More slots; 0 if there is no memory. Nobody may add meanwhile. */
static int parts_grow(Parts *p)
{
    u64 mask = p->mask < FEW_SLOTS ? p->mask * 4 + 3 : p->mask * 2 + 1;
    u64 *slots = map_memory((mask + 1) * sizeof *slots);
    if (!slots)
        return 0;
    for (u64 old = 0; old <= p->mask; ++old) {
        u64 slot = p->slots[old], at = slot >> 32 & mask;
        if (!slot)
            continue;
        while (slots[at])
            at = (at + 1) & mask;
        slots[at] = slot;
    }
    unmap_memory(p->slots, (p->mask + 1) * sizeof *p->slots);
    p->slots = slots;
    p->mask = mask;
    return 1;
}
