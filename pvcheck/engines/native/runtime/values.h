/* What generated steps work with: the state of one step, faults, choices, locks, values.
 *
 * Before this file the generated part defines WORDS, LOCAL_WORDS, THREADS, CELLS, LOCK_CELLS, ITEMS and the
 * tables CELL_WORD, CELL_SHIFT, CELL_MASK. */

#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;
typedef int32_t i32;
typedef unsigned __int128 u128;

#if LOCK_CELLS > 64
typedef u128 lockset;
#else
typedef u64 lockset;
#endif

/* Before a loop of few turns, so many each time: without branches that are hard to predict. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

/* How a run of a step ends. */
enum { BLOCKED, DONE, FAULT, UNSUPPORTED };
/* Faults, as in the reference semantics; 0: none. */
enum { RACE = 1, LOCK_MISUSE, ASSERTION, BOUNDS, EMPTY_LIST, NONE_ACCESS };

#define MOST_CHOICES 128 /* that one step makes */

typedef struct X {
    u64 w[WORDS];       /* the shared part, changed in place */
    u64 n[LOCAL_WORDS]; /* the local part after the step */
    const u64 *l;       /* the local part before it */
    u64 between[LOCAL_WORDS]; /* the local part between two steps of a transaction */
    int thread;
    u64 me;    /* the thread's element of its sort */
    int first; /* its first snapshot cell */
    int fault;
    int late;      /* a number had no room in the code of its type */
    int broken;    /* more choices than there is room for */
    u64 way;       /* of the lock that the step waits for: threads, as bits */
    int wait_cell; /* that lock */
    int wanted;    /* the lock that the first step which begins so is about to take, or -1 */
    int taken, count;
    u32 vector[MOST_CHOICES], arity[MOST_CHOICES];
    u8 *covered; /* per item 0, 1, or 2 while it waits for the step to succeed */
    int pendings;
    u16 pending[ITEMS];
} X;

static inline int fault(X *x, int kind)
{
    if (!x->fault)
        x->fault = kind;
    return FAULT;
}

static inline u64 fault_0(X *x, int kind)
{
    fault(x, kind);
    return 0;
}

/* Coverage counts only if the step succeeds. */

static __attribute__((noinline)) void first_time(X *x, int item)
{
    x->covered[item] = 2;
    x->pending[x->pendings++] = (u16)item;
}

#define cover(x, item) ((void)((x)->covered[item] || (first_time(x, item), 0)))

static inline void settle(X *x, int succeeded)
{
    while (x->pendings)
        x->covered[x->pending[--x->pendings]] = (u8)succeeded;
}

/* Choices: one run of a step takes `vector`, and what is not in it is 0. */

static inline int take(X *x, int arity)
{
    int position = x->taken++;
    if (position >= MOST_CHOICES) {
        x->broken = 1;
        return 0;
    }
    if (position == x->count) {
        x->vector[position] = 0;
        x->arity[position] = (u32)arity;
        ++x->count;
    }
    return (int)x->vector[position];
}

/* Turn to the next run; 0 if this was the last. */
static inline int advance(X *x)
{
    while (x->count && x->vector[x->count - 1] + 1 == x->arity[x->count - 1])
        --x->count;
    if (!x->count)
        return 0;
    ++x->vector[x->count - 1];
    return 1;
}

/* Cells */

#define PART(w, word, shift, mask) ((w)[word] >> (shift) & (mask))

static inline u64 GET(const u64 *w, u64 cell)
{
    return w[CELL_WORD[cell]] >> CELL_SHIFT[cell] & CELL_MASK[cell];
}

static inline void PUT(u64 *w, u64 cell, u64 code)
{
    u64 *word = w + CELL_WORD[cell];
    *word = (*word & ~(CELL_MASK[cell] << CELL_SHIFT[cell])) | code << CELL_SHIFT[cell];
}

static inline u128 GET_WIDE(const u64 *w, u64 cell)
{
    const u64 *word = w + CELL_WORD[cell];
    return CELL_MASK[cell] ? GET(w, cell) : (u128)word[1] << 64 | word[0];
}

static inline void PUT_WIDE(u64 *w, u64 cell, u128 code)
{
    u64 *word = w + CELL_WORD[cell];
    word[0] = (u64)code;
    word[1] = (u64)(code >> 64);
}

/* Locks: a cell holds 0, the holder's number and 1, or THREADS plus the bits of those who share it. */

static inline u64 lock_of(const u64 *w, int cell)
{
    return GET(w, (u64)cell);
}

static inline void set_lock(u64 *w, int cell, u64 code)
{
    PUT(w, (u64)cell, code);
}

static inline int holds(u64 cell, int t)
{
    return (cell == (u64)t + 1) | ((cell > THREADS) & ((cell - THREADS) >> t & 1));
}

static inline u64 holders(u64 cell)
{
    return cell > THREADS ? cell - THREADS : 1ULL << (cell - 1);
}

static inline lockset held_by(const u64 *w, int t)
{
    lockset set = 0;
    UNROLLED
    for (int cell = 0; cell < LOCK_CELLS; ++cell)
        set |= (lockset)holds(lock_of(w, cell), t) << cell;
    return set;
}

static inline lockset held(X *x)
{
    return held_by(x->w, x->thread);
}

static inline int waits(X *x, int cell, u64 who)
{
    x->way = who;
    x->wait_cell = cell;
    return 0;
}

static inline void want(X *x, int cell)
{
    if (x->wanted < 0)
        x->wanted = cell;
}

static inline int try_acquire(X *x, int cell)
{
    if (lock_of(x->w, cell))
        return 0;
    set_lock(x->w, cell, (u64)x->thread + 1);
    return 1;
}

static inline int try_acquire_shared(X *x, int cell)
{
    u64 now = lock_of(x->w, cell);
    if ((now && now <= THREADS) || holds(now, x->thread))
        return 0;
    set_lock(x->w, cell, (now ? now : THREADS) + (1ULL << x->thread));
    return 1;
}

static inline int acquire(X *x, int cell)
{
    if (try_acquire(x, cell))
        return 1;
    u64 now = lock_of(x->w, cell);
    return holds(now, x->thread) ? (int)fault_0(x, LOCK_MISUSE) : waits(x, cell, holders(now));
}

static inline int acquire_shared(X *x, int cell)
{
    if (try_acquire_shared(x, cell))
        return 1;
    u64 now = lock_of(x->w, cell);
    return holds(now, x->thread) ? (int)fault_0(x, LOCK_MISUSE) : waits(x, cell, holders(now));
}

static inline void release(X *x, int cell)
{
    u64 now = lock_of(x->w, cell);
    if (!now || !holds(now, x->thread)) {
        fault(x, LOCK_MISUSE);
    } else if (now <= THREADS) {
        set_lock(x->w, cell, 0);
    } else {
        now -= 1ULL << x->thread;
        set_lock(x->w, cell, now == THREADS ? 0 : now);
    }
}

/* From shared to exclusive. */
static inline int upgrade(X *x, int cell)
{
    u64 now = lock_of(x->w, cell), bit = 1ULL << x->thread;
    if (now <= THREADS || !holds(now, x->thread))
        return (int)fault_0(x, LOCK_MISUSE);
    if (now - THREADS != bit)
        return waits(x, cell, (now - THREADS) & ~bit);
    set_lock(x->w, cell, (u64)x->thread + 1);
    return 1;
}

static inline void downgrade(X *x, int cell)
{
    if (lock_of(x->w, cell) != (u64)x->thread + 1)
        fault(x, LOCK_MISUSE);
    else
        set_lock(x->w, cell, THREADS + (1ULL << x->thread));
}

/* Numbers */

#define GREATEST 1000000000000000000LL /* of a product */

/* The code of a number in a range; without room, see X.late. */
static inline u64 number(X *x, i64 value, i64 low, i64 high)
{
    if (value >= low && value <= high)
        return (u64)(value - low);
    x->late = 1;
    return 0;
}

/* The code of a number that is looked for in a list; none that is there if it is out of range. */
static inline u64 sought(i64 value, i64 low, i64 high)
{
    return value >= low && value <= high ? (u64)(value - low) : ~0ULL;
}

static inline i64 add(X *x, i64 a, i64 b)
{
    i64 sum;
    if (__builtin_add_overflow(a, b, &sum))
        x->broken = 1;
    return sum;
}

static inline i64 sub(X *x, i64 a, i64 b)
{
    i64 difference;
    if (__builtin_sub_overflow(a, b, &difference))
        x->broken = 1;
    return difference;
}

static inline i64 product(X *x, i64 a, i64 b)
{
    i64 result;
    if (__builtin_mul_overflow(a, b, &result) || result > GREATEST || result < -GREATEST)
        return (i64)fault_0(x, BOUNDS);
    return result;
}

/* Rounds towards minus infinity. */
static inline i64 divide(X *x, i64 a, i64 b)
{
    if (!b)
        return (i64)fault_0(x, BOUNDS);
    if (b == -1)
        return sub(x, 0, a);
    return a / b - (a % b && (a < 0) != (b < 0));
}

static inline i64 modulo(X *x, i64 a, i64 b)
{
    if (!b)
        return (i64)fault_0(x, BOUNDS);
    if (b == -1)
        return 0;
    i64 rest = a % b;
    return rest && (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline u64 element(X *x, i64 value, i64 size)
{
    return value >= 0 && value < size ? (u64)value : fault_0(x, BOUNDS);
}

static inline u64 indexed(X *x, i64 value, i64 size)
{
    return element(x, value, size);
}

/* Snapshots: 0 none, 1 bumped since, 2 and more: an element. */
static inline int changed(X *x, u64 snapshot, u64 position)
{
    if (snapshot == position + 2)
        return 0;
    return snapshot == 1 ? 1 : (int)fault_0(x, NONE_ACCESS);
}

/* Sets and lists */

static inline int lowest(u64 set) { return __builtin_ctzll(set); }
static inline int highest(u64 set) { return 63 - __builtin_clzll(set); }
static inline i64 size(u64 set) { return __builtin_popcountll(set); }
static inline int lowest_wide(u128 set)
{
    return (u64)set ? lowest((u64)set) : 64 + lowest((u64)(set >> 64));
}
static inline int highest_wide(u128 set)
{
    return set >> 64 ? 64 + highest((u64)(set >> 64)) : highest((u64)set);
}
static inline i64 size_wide(u128 set) { return size((u64)set) + size((u64)(set >> 64)); }

#define TYPE u64
#define NAME(f) f
#include "lists.h"
#undef TYPE
#undef NAME
#define TYPE u128
#define NAME(f) f##_wide
#include "lists.h"
#undef TYPE
#undef NAME
