/* An exact set of keys, each a number of `bits` bits; a few bytes a key.
 *
 * A key is mixed by an invertible function; part of the result is where it is kept (its bucket, a cache line),
 * only the rest is stored, with how many buckets it lies behind its own (J. G. Cleary: Compact hash tables using
 * bidirectional linear probing, IEEE Trans. Computers C-33, 1984; here probing goes one way, by cache lines).
 * Several threads may add at once. */

enum { OLD, NEW, FULL };

#define FAR 64  /* a key lies less than FAR buckets behind its own: enough for four of five slots full */
#define FAR_BITS 6
#define SHORT_REST (31 - FAR_BITS) /* bits of a key that a slot of 4 bytes keeps */
#define LONG_REST (63 - FAR_BITS)  /* of 8 bytes */

typedef struct States {
    void *slots;
    int bits;         /* of a key */
    int bucket_bits;  /* 2^bucket_bits buckets */
    int slot_bytes;   /* 4 or 8 */
    int alone;        /* one thread adds, which need not lock the memory */
    char apart[LINE];
    u64 count;
    char apart_too[LINE];
} States;

static inline u64 low_bits(int bits)
{
    return bits >= 64 ? ~0ULL : (1ULL << bits) - 1;
}

#define MIX_1 0xd6e8feb86659fd93ULL
#define MIX_2 0xa0761d6478bd642fULL

/* Times those: 1 modulo 2^64. */
#define INVERSE_1 0xcfee444d8b59a89bULL
#define INVERSE_2 0x939c72e4af1e62cfULL

static inline u64 mix(u64 key, int bits)
{
    u64 all = low_bits(bits);
    int half = (bits + 1) / 2;
    key ^= key >> half;
    key = key * MIX_1 & all;
    key ^= key >> half;
    key = key * MIX_2 & all;
    return key ^ key >> half;
}

static inline u64 unmix(u64 mixed, int bits)
{
    u64 all = low_bits(bits);
    int half = (bits + 1) / 2;
    mixed ^= mixed >> half;
    mixed = mixed * INVERSE_2 & all;
    mixed ^= mixed >> half;
    mixed = mixed * INVERSE_1 & all;
    return mixed ^ mixed >> half;
}

static inline u64 states_slots(const States *s)
{
    return (u64)(LINE / s->slot_bytes) << s->bucket_bits;
}

static inline u64 states_bytes(const States *s)
{
    return (u64)LINE << s->bucket_bits;
}

/* 0: keys of so many bits cannot be kept, or there is no memory. */
static int states_open(States *s, int bits, int bucket_bits)
{
    int rest = bits - bucket_bits;
    if (bits > 64 || rest < 0 || rest > LONG_REST)
        return 0;
    s->bits = bits;
    s->bucket_bits = bucket_bits;
    s->slot_bytes = rest <= SHORT_REST ? 4 : 8;
    s->count = 0;
    s->slots = map_memory(states_bytes(s));
    return s->slots != NULL;
}

static void states_close(States *s)
{
    unmap_memory(s->slots, states_bytes(s));
    s->slots = NULL;
}

static inline void *bucket_of(const States *s, u64 mixed)
{
    return (char *)s->slots + (mixed & low_bits(s->bucket_bits)) * LINE;
}

/* Bits of a bucket's slots, so many for each: those that hold `stored`, and those that are empty. */
typedef struct Found {
    u32 stored, empty;
} Found;

#define FIND_ONE_BY_ONE(NAME, SLOT)                                    \
    static inline Found NAME(const SLOT *line, SLOT stored)            \
    {                                                                  \
        Found found = {0, 0};                                          \
        for (int k = 0; k < (int)(LINE / sizeof *line); ++k) {         \
            SLOT there = __atomic_load_n(line + k, __ATOMIC_RELAXED);  \
            found.stored |= (u32)(there == stored) << k;               \
            found.empty |= (u32)!there << k;                           \
        }                                                              \
        return found;                                                  \
    }

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif

/* The sanitizer does not know that slots of 4 bytes are also read whole when more of them are read at once. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#include <emmintrin.h>

/* All slots at once: how far to look is hard to predict. Each is read once, or one that is filled meanwhile might
 * seem to hold another key first and not to be empty then. */
static inline Found find_u32(const u32 *line, u32 stored)
{
    const volatile __m128i *slots = (const volatile __m128i *)(const volatile void *)line;
    __m128i s0 = slots[0], s1 = slots[1], s2 = slots[2], s3 = slots[3];
    __m128i wanted = _mm_set1_epi32((int)stored), none = _mm_setzero_si128();
    __m128i a = _mm_packs_epi16(_mm_packs_epi32(_mm_cmpeq_epi32(s0, wanted), _mm_cmpeq_epi32(s1, wanted)),
                                _mm_packs_epi32(_mm_cmpeq_epi32(s2, wanted), _mm_cmpeq_epi32(s3, wanted)));
    __m128i b = _mm_packs_epi16(_mm_packs_epi32(_mm_cmpeq_epi32(s0, none), _mm_cmpeq_epi32(s1, none)),
                                _mm_packs_epi32(_mm_cmpeq_epi32(s2, none), _mm_cmpeq_epi32(s3, none)));
    return (Found){(u32)_mm_movemask_epi8(a), (u32)_mm_movemask_epi8(b)};
}
#else
FIND_ONE_BY_ONE(find_u32, u32)
#endif

FIND_ONE_BY_ONE(find_u64, u64)

#define ADD_TO(SLOT, FIND)                                                                               \
    for (u64 far = 0; far < FAR; ++far) {                                                                \
        SLOT *line = (SLOT *)((char *)s->slots + ((home + far) & buckets) * LINE);                       \
        SLOT stored = (SLOT)(rest << FAR_BITS | far) + 1;                                                \
        Found found = FIND(line, stored);                                                                \
        if (found.stored)                                                                                \
            return OLD;                                                                                  \
        for (; found.empty; found.empty &= found.empty - 1) {                                            \
            SLOT there = 0, *slot = line + __builtin_ctz(found.empty);                                   \
            if (s->alone) {                                                                              \
                *slot = stored;                                                                          \
                return NEW;                                                                              \
            }                                                                                            \
            if (__atomic_compare_exchange_n(slot, &there, stored, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) \
                return NEW;                                                                              \
            if (there == stored)                                                                         \
                return OLD;                                                                              \
        }                                                                                                \
    }                                                                                                    \
    return FULL

/* Add a key that was mixed. Does not count. */
static inline __attribute__((always_inline)) int states_add(const States *s, u64 mixed)
{
    u64 buckets = low_bits(s->bucket_bits), home = mixed & buckets, rest = mixed >> s->bucket_bits;
    if (s->slot_bytes == 4) {
        ADD_TO(u32, find_u32);
    }
    ADD_TO(u64, find_u64);
}

/* To add while nothing grows. */
static inline States states_view(const States *s)
{
    return (States){
        .slots = s->slots,
        .bits = s->bits,
        .bucket_bits = s->bucket_bits,
        .slot_bytes = s->slot_bytes,
        .alone = s->alone,
    };
}

/* The mixed keys in a bucket, at most LINE / 4; how many. */
static int states_in_bucket(const States *s, u64 bucket, u64 *mixed)
{
    int n = 0;
    const char *line = (const char *)s->slots + bucket * LINE;
    for (int k = 0; k < LINE / s->slot_bytes; ++k) {
        u64 stored = s->slot_bytes == 4 ? ((const u32 *)line)[k] : ((const u64 *)line)[k];
        if (!stored--)
            break;
        u64 home = (bucket - (stored & (FAR - 1))) & low_bits(s->bucket_bits);
        mixed[n++] = stored >> FAR_BITS << s->bucket_bits | home;
    }
    return n;
}
