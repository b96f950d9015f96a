/* An exact set of keys, each a number of `bits` bits; a few bytes a key.
 *
 * A key is mixed by an invertible function; part of the result is where it is kept (its bucket, a cache line),
 * only the rest is stored, with how many buckets it lies behind its own (J. G. Cleary: Compact hash tables using
 * bidirectional linear probing, IEEE Trans. Computers C-33, 1984; here probing goes one way, by cache lines).
 * Several threads may add at once. */

enum { OLD, NEW, FULL };

#define LINE 64 /* bytes of a bucket */
#define FAR 64  /* a key lies less than FAR buckets behind its own: enough for four of five slots full */
#define FAR_BITS 6

typedef struct States {
    void *slots;
    int bits;         /* of a key */
    int bucket_bits;  /* 2^bucket_bits buckets */
    int slot_bytes;   /* 4 or 8 */
    u64 count;
} States;

static inline u64 low_bits(int bits)
{
    return bits >= 64 ? ~0ULL : (1ULL << bits) - 1;
}

#define MIX_1 0xd6e8feb86659fd93ULL
#define MIX_2 0xa0761d6478bd642fULL
#define MIX_3 0x9fb21c651e98df25ULL

static inline u64 mix(u64 key, int bits)
{
    u64 all = low_bits(bits);
    int half = (bits + 1) / 2;
    key ^= key >> half;
    key = key * MIX_1 & all;
    key ^= key >> half;
    key = key * MIX_2 & all;
    key ^= key >> half;
    key = key * MIX_3 & all;
    return key ^ key >> half;
}

/* The number that times an odd one is 1, modulo 2^64 (Newton's iteration). */
static inline u64 inverse(u64 odd)
{
    u64 x = odd;
    for (int k = 0; k < 5; ++k)
        x *= 2 - odd * x;
    return x;
}

static inline u64 unmix(u64 mixed, int bits)
{
    u64 all = low_bits(bits);
    int half = (bits + 1) / 2;
    mixed ^= mixed >> half;
    mixed = mixed * inverse(MIX_3) & all;
    mixed ^= mixed >> half;
    mixed = mixed * inverse(MIX_2) & all;
    mixed ^= mixed >> half;
    mixed = mixed * inverse(MIX_1) & all;
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
    if (bits > 64 || rest < 0)
        return 0;
    s->bits = bits;
    s->bucket_bits = bucket_bits;
    s->slot_bytes = rest + FAR_BITS < 32 ? 4 : 8;
    s->count = 0;
    if (rest + FAR_BITS >= 64)
        return 0;
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

#define ADD_TO(SLOT)                                                                                  \
    for (u64 far = 0; far < FAR; ++far) {                                                             \
        SLOT *line = (SLOT *)((char *)s->slots + ((home + far) & buckets) * LINE);                    \
        SLOT stored = (SLOT)(rest << FAR_BITS | far) + 1;                                             \
        for (int k = 0; k < (int)(LINE / sizeof *line); ++k) {                                        \
            SLOT there = __atomic_load_n(line + k, __ATOMIC_RELAXED);                                 \
            if (!there && __atomic_compare_exchange_n(line + k, &there, stored, 0, __ATOMIC_RELAXED,  \
                                                      __ATOMIC_RELAXED))                              \
                return NEW;                                                                           \
            if (there == stored)                                                                      \
                return OLD;                                                                           \
        }                                                                                             \
    }                                                                                                 \
    return FULL

/* Add a key that was mixed. Does not count. */
static inline int states_add(States *s, u64 mixed)
{
    u64 buckets = low_bits(s->bucket_bits), home = mixed & buckets, rest = mixed >> s->bucket_bits;
    if (s->slot_bytes == 4) {
        ADD_TO(u32);
    }
    ADD_TO(u64);
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
