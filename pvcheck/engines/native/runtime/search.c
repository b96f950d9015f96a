/* Breadth-first search, level by level, in any number of threads.
 *
 * Single-threaded it meets states in the order in which the reference engine does. Work goes in batches, so
 * that the memory that a lookup needs is on its way while others are prepared. */

#include "search.h"

/* ---- keys -------------------------------------------------------------------------------------------------- */

static inline u64 key_of(const Entry *e, int shared_bits, int local_bits)
{
    u64 key = e->part[0];
    int shift = shared_bits;
    for (int k = 1; k < PARTS; ++k, shift += local_bits)
        key |= (u64)e->part[k] << shift;
    return key;
}

/* Rows that may be added until the workers next look whether the tables are crowded, twice over. */
static u32 margin_of(const Search *s)
{
    return 4 * BATCH * s->run->workers;
}

/* Bits for numbers of rows, of which there are so many. */
static int bits_for(const Search *s, u64 count)
{
    int bits = 8;
    while ((count + margin_of(s)) >> bits)
        ++bits;
    return bits;
}

static u32 local_count(const Search *s)
{
    return TUPLES ? LOOK(s->tuple.count) : LOOK(s->local.count);
}

static u64 bytes_used(const Search *s)
{
    u64 bytes = parts_bytes(&s->shared, WORDS) + parts_bytes(&s->local, LOCAL_WORDS) + states_bytes(&s->states);
    if (TUPLES)
        bytes += parts_bytes(&s->tuple, TUPLE_WORDS);
    for (u32 k = 0; k < s->run->workers; ++k)
        bytes += (LOOK(s->level[k].room) + LOOK(s->next[k].room)) * sizeof(Entry);
    if (s->run->record)
        bytes += s->run->states * (sizeof(Entry) + sizeof(Parent));
    return bytes;
}

/* Whether some table has to grow before much is added. */
static int crowded(const Search *s)
{
    u32 margin = margin_of(s) / 2;
    return LOOK(s->states.count) + margin > states_slots(&s->states) / 5 * 4 || parts_crowded(&s->shared, margin) ||
           parts_crowded(&s->local, margin) || (TUPLES && parts_crowded(&s->tuple, margin)) ||
           (LOOK(s->shared.count) + (u64)margin) >> s->shared_bits || (local_count(s) + (u64)margin) >> s->local_bits ||
           LOOK(s->shared.count) + margin > s->shared.most || local_count(s) + margin > (TUPLES ? s->tuple : s->local).most;
}

#define AHEAD 48  /* keys on their way into a new table */
#define SHARE 4096 /* buckets that one worker moves at a time */

/* All keys go into another table. */
typedef struct Move {
    const States *from, *to;
    int shared_bits, local_bits;         /* of the keys that there are */
    int new_shared_bits, new_local_bits; /* of the keys to be */
    u64 next;                            /* share */
    int full;                            /* there is no place for a key */
} Move;

/* Whether there is nothing left to do for others. */
static int moved(const Move *m)
{
    return LOOK(m->full) || LOOK(m->next) * SHARE >> m->from->bucket_bits;
}

static u64 new_key(const Move *m, u64 mixed)
{
    u64 key = unmix(mixed, m->from->bits), other = key & low_bits(m->shared_bits), local = low_bits(m->local_bits);
    for (int p = 0; p < PARTS - 1; ++p)
        other |= (key >> (m->shared_bits + p * m->local_bits) & local) << (m->new_shared_bits + p * m->new_local_bits);
    return mix(other, m->to->bits);
}

static void move_keys(Move *m)
{
    const States from = states_view(m->from), to = states_view(m->to);
    int same = from.bits == to.bits && m->shared_bits == m->new_shared_bits;
    u64 mixed[AHEAD + LINE / 4], buckets = 1ULL << from.bucket_bits;
    while (!moved(m)) {
        u64 bucket = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED) * SHARE;
        u64 end = bucket + SHARE < buckets ? bucket + SHARE : buckets;
        int n = 0;
        for (; bucket < end; ++bucket) {
            int known = n;
            n += states_in_bucket(&from, bucket, mixed + n);
            /* With keys of the same bits the new bucket is one of two, both near. */
            for (int k = known; k < n && !same; ++k) {
                mixed[k] = new_key(m, mixed[k]);
                __builtin_prefetch(bucket_of(&to, mixed[k]), 1);
            }
            if (n > AHEAD || bucket + 1 == end)
                while (n)
                    if (states_add(&to, mixed[--n]) == FULL) {
                        SET(m->full, 1);
                        return;
                    }
        }
    }
}

/* The caller has the mutex if others are parked. */
static void move_together(Search *s, Move *m)
{
    if (!s->parked) {
        move_keys(m);
        return;
    }
    s->move = m;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    move_keys(m);
    pthread_mutex_lock(&s->mutex);
    while (s->helping)
        pthread_cond_wait(&s->changed, &s->mutex);
    s->move = NULL;
}

/* A parked worker, who has the mutex, helps or waits. */
static void help(Search *s)
{
    Move *m = s->move;
    if (!m || moved(m)) {
        pthread_cond_wait(&s->changed, &s->mutex);
        return;
    }
    ++s->helping;
    pthread_mutex_unlock(&s->mutex);
    move_keys(m);
    pthread_mutex_lock(&s->mutex);
    --s->helping;
    pthread_cond_broadcast(&s->changed);
}

/* The set of states with other sizes of keys or more buckets; 0 if there is no room. */
static int states_again(Search *s, int shared_bits, int local_bits, int bucket_bits)
{
    States new = {.alone = s->states.alone};
    int bits = shared_bits + (PARTS - 1) * local_bits;
    for (;; ++bucket_bits) {
        if (!states_open(&new, bits, bucket_bits))
            return 0;
        /* Longer slots are fewer. */
        Move m = {
            .from = &s->states,
            .to = &new,
            .shared_bits = s->shared_bits,
            .local_bits = s->local_bits,
            .new_shared_bits = shared_bits,
            .new_local_bits = local_bits,
            .full = s->states.count > states_slots(&new) / 5 * 4,
        };
        if (!m.full)
            move_together(s, &m);
        if (!m.full)
            break;
        states_close(&new);
    }
    new.count = s->states.count;
    states_close(&s->states);
    s->states = new;
    s->shared_bits = shared_bits;
    s->local_bits = local_bits;
    return 1;
}

/* Bits of the number of buckets: smaller tables grow faster. */
#define SMALL 18
/* Bits of the number of buckets: smaller tables have slots of 8 bytes, so that keys need not be made again. */
#define TINY 14

/* Bits of the parts of keys for `bucket_bits`: enough for the rows that will be there when the buckets are full
 * again, and as many more as go into the slots, since making all keys again costs more than all growth. */
static void key_bits(const Search *s, int bucket_bits, int *shared_bits, int *local_bits)
{
    int growth = bucket_bits - s->states.bucket_bits, others = PARTS - 1;
    int shared = bits_for(s, (u64)s->shared.count << (growth ? growth : 1));
    int local = bits_for(s, 2 * (u64)local_count(s));
    if (shared + others * local > 64) {
        shared = bits_for(s, s->shared.count);
        local = bits_for(s, local_count(s));
    }
    int rest = shared + others * local - bucket_bits;
    int short_slots = bucket_bits >= TINY && rest <= SHORT_REST;
    int room = (short_slots ? SHORT_REST : LONG_REST) - rest;
    int now = s->shared_bits + others * s->local_bits - bucket_bits;
    *shared_bits = s->shared_bits;
    *local_bits = s->local_bits;
    if (shared <= s->shared_bits && local <= s->local_bits && (now <= SHORT_REST || !short_slots))
        return;
    room = room < 64 - bucket_bits - rest ? room : 64 - bucket_bits - rest;
    if (room >= 2 * others) {
        ++local;
        room -= others;
    }
    *local_bits = local;
    *shared_bits = room < 0 ? shared : shared + room < 32 ? shared + room : 32;
}

/* Makes room in all tables that need it. Nobody else may work. */
static void grow(Search *s, int full)
{
    u32 margin = margin_of(s);
    int sound = 1;
    if (s->shared.count + margin > s->shared.most || s->local.count + margin > s->local.most ||
        (TUPLES && s->tuple.count + margin > s->tuple.most))
        sound = 0;
    u64 more = 0;
    int bucket_bits = s->states.bucket_bits, shared_bits, local_bits;
    int long_keys = (s->shared.count + (u64)margin) >> s->shared_bits || (local_count(s) + (u64)margin) >> s->local_bits;
    /* If keys are made again, the table may as well grow that soon will have to. */
    if (full || s->states.count + margin > states_slots(&s->states) / 5 * (long_keys ? 2 : 4)) {
        bucket_bits += bucket_bits < SMALL ? 2 : 1;
        more += states_bytes(&s->states) << (bucket_bits - s->states.bucket_bits);
    }
    more += parts_crowded(&s->shared, margin) ? 4 * sizeof *s->shared.slots * (s->shared.mask + 1) : 0;
    if (bytes_used(s) + more > s->run->most_bytes) {
        s->run->reason = MEMORY;
        SET(s->ending, 1);
        SET(s->over, full);
        return;
    }
    while (sound && parts_crowded(&s->shared, margin))
        sound = parts_grow(&s->shared);
    while (sound && parts_crowded(&s->local, margin))
        sound = parts_grow(&s->local);
    while (TUPLES && sound && parts_crowded(&s->tuple, margin))
        sound = parts_grow(&s->tuple);
    key_bits(s, bucket_bits, &shared_bits, &local_bits);
    if (sound && (bucket_bits != s->states.bucket_bits || shared_bits != s->shared_bits || local_bits != s->local_bits))
        sound = states_again(s, shared_bits, local_bits, bucket_bits);
    if (!sound) {
        s->run->reason = NO_ROOM;
        SET(s->over, 1);
    }
}

/* ---- workers meet ------------------------------------------------------------------------------------------ */

static void grow_and_go_on(Search *s)
{
    s->growing = 1;
    grow(s, LOOK(s->growth) == 2);
    s->growing = 0;
    SET(s->growth, 0);
    s->parked = 0;
    ++s->round;
    pthread_cond_broadcast(&s->changed);
}

/* Whether all stand still, so that the caller can let the tables grow. */
static int all_still(const Search *s)
{
    return LOOK(s->growth) && !s->growing && s->parked && s->parked + s->resting == s->working;
}

/* Wait until the tables have grown. */
static void park(Search *s)
{
    pthread_mutex_lock(&s->mutex);
    if (LOOK(s->growth)) {
        int round = s->round;
        ++s->parked;
        if (all_still(s))
            grow_and_go_on(s);
        while (s->round == round)
            help(s);
    }
    pthread_mutex_unlock(&s->mutex);
}

/* Between two blocks: rest as long as the caller wants. */
static void rest(Search *s)
{
    pthread_mutex_lock(&s->mutex);
    ++s->resting;
    while (s->run->pause && !s->run->halt) {
        if (all_still(s))
            grow_and_go_on(s);
        s->run->paused = s->resting == s->working;
        pthread_mutex_unlock(&s->mutex);
        usleep(1000);
        pthread_mutex_lock(&s->mutex);
    }
    while (s->growing)
        pthread_cond_wait(&s->changed, &s->mutex);
    s->run->paused = 0;
    --s->resting;
    pthread_mutex_unlock(&s->mutex);
}

static void ask_for_growth(Search *s, int how)
{
    pthread_mutex_lock(&s->mutex);
    if (LOOK(s->growth) < how)
        SET(s->growth, how);
    pthread_mutex_unlock(&s->mutex);
}

static void leave(Search *s)
{
    pthread_mutex_lock(&s->mutex);
    SET(s->working, s->working - 1);
    if (all_still(s))
        grow_and_go_on(s);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- properties -------------------------------------------------------------------------------------------- */

static void hit(Hit *h, u64 depth, u64 at, int thread, u32 outcome)
{
    if (h->depth < 0)
        *h = (Hit){(i64)depth, at, thread, outcome};
}

/* Something cannot be represented: nothing may be said. */
static void give_up(Worker *wk)
{
    wk->search->run->reason = LIMITATION;
    SET(wk->search->over, 1);
}

/* Judge an invariant in the shared part that wk->judge has. */
static void judge_invariant(Worker *wk, int i, u64 at, int thread, u32 outcome)
{
    X *x = &wk->judge;
    int looked_for = wk->search->run->asked[FIRST_INVARIANT + i] && wk->hits[FIRST_INVARIANT + i].depth < 0;
    if (wk->open[i] && !looked_for)
        return;
    x->fault = x->late = 0;
    if (!wk->open[i])
        wk->open[i] = (u8)INVARIANT_OPENS[i](x);
    int late = x->late;
    x->fault = x->late = 0;
    int holds = !looked_for || INVARIANT_HOLDS[i](x);
    /* A number without a code was compared: what came out means nothing. */
    if (late || x->late || x->broken)
        give_up(wk);
    else if (!holds)
        hit(&wk->hits[FIRST_INVARIANT + i], wk->search->depth, at, thread, outcome);
}

/* Judge the invariants of a new shared part that differs in some cells from one that was judged; NULL: from none. */
static void judge_shared(Worker *wk, const u64 *now, const u64 *before, u64 at, int thread, u32 outcome)
{
    u64 differs[WORDS];
    for (int k = 0; k < WORDS; ++k)
        differs[k] = before ? now[k] ^ before[k] : ~0ULL;
    copy_row(wk->judge.w, now, WORDS);
    for (int first = 0; first < INVARIANTS; first += 64) {
        /* First which depend on these, then these: which is next cannot be predicted. */
        u64 concerned = 0;
        for (int i = first; i < INVARIANTS && i < first + 64; ++i) {
            u64 bits = 0;
            UNROLLED
            for (int k = 0; k < WORDS; ++k)
                bits |= differs[k] & INVARIANT_MASK[i][k];
            concerned |= (u64)(!before || bits) << (i - first);
        }
        for (; concerned; concerned &= concerned - 1)
            judge_invariant(wk, first + __builtin_ctzll(concerned), at, thread, outcome);
    }
}

/* Judge the lock that a thread is about to take in the state whose shared part is `row`. */
static void judge_lock(Worker *wk, const u64 *row, int cell, u64 at)
{
    X *x = &wk->x;
#if LOCK_WORDS == 1
    u32 who = 1 + (u32)cell * THREADS + (u32)x->thread;
    struct Seen *seen = &wk->seen[(scramble((row[0] & LOCK_MASK) ^ (u64)who << 48)) & 1023];
    if (!wk->search->judging && seen->who == who && seen->locks == (row[0] & LOCK_MASK))
        return;
    *seen = (struct Seen){row[0] & LOCK_MASK, who};
#endif
    lockset others = held_by(row, x->thread) & ~((lockset)1 << cell);
    if (others & ~MAY_PRECEDE[cell] && wk->search->run->asked[LOCK_ORDER])
        hit(&wk->hits[LOCK_ORDER], wk->search->depth, at, -1, 0);
    if (wk->search->judging)
        return;
    for (int k = 0; k < LOCK_CELLS; ++k)
        if (others >> k & 1)
            hit(&wk->edges[LOCK_EDGE[k * LOCK_CELLS + cell]], wk->search->depth, at, x->thread, (u32)cell);
}

/* Whether some waiting thread is on a cycle of waits, or on a way to a finished one. */
static int waits_forever(const u64 *way, u64 waiting, u64 finished)
{
    for (int start = 0; start < THREADS; ++start) {
        if (!(waiting >> start & 1))
            continue;
        u64 reached = way[start], before = 0;
        while (reached != before) {
            before = reached;
            for (int t = 0; t < THREADS; ++t)
                if (reached & waiting & 1ULL << t)
                    reached |= way[t];
        }
        if (reached & (finished | 1ULL << start))
            return 1;
    }
    return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------- */

static void keep(Worker *wk, const Candidate *c)
{
    Segment *out = wk->out;
    if (out->count == out->room) {
        u64 room = out->room ? out->room * 2 : 1024;
        Entry *entries = realloc(out->entries, room * sizeof *entries);
        Parent *parents = out->parents;
        if (entries)
            out->entries = entries;
        if (entries && wk->search->run->record) {
            parents = realloc(parents, room * sizeof *parents);
            if (parents)
                out->parents = parents;
        }
        if (!entries || (wk->search->run->record && !parents)) {
            wk->search->run->reason = NO_ROOM;
            SET(wk->search->over, 1);
            return;
        }
        SET(out->room, room);
    }
    out->entries[out->count] = c->entry;
    if (wk->search->run->record)
        out->parents[out->count] = (Parent){c->at, c->thread, c->renaming, c->outcome};
    SET(out->count, out->count + 1);
}

#include "symmetry.c"

static u32 tuple_of(Worker *wk, const u32 *locals)
{
    u32 tuple[2 * TUPLE_WORDS] = {0};
    u64 words[TUPLE_WORDS];
    int fresh;
    memcpy(tuple, locals, THREADS * sizeof *tuple);
    memcpy(words, tuple, sizeof words);
    return parts_number(&wk->search->tuple, words, row_hash(words, TUPLE_WORDS), TUPLE_WORDS, &wk->spare_tuple, &fresh);
}

/* The numbers of a candidate's parts. */
static inline __attribute__((always_inline)) void number_parts(Worker *wk, Candidate *c)
{
    Search *s = wk->search;
    int fresh = 0;
#if RENAMINGS > 1
    if (s->run->symmetry)
        c->entry.part[0] = represent(wk, c, &fresh);
    else
#endif
    if (c->changes)
        c->entry.part[0] = parts_number(&s->shared, c->w, c->hash, WORDS, &wk->spare_shared, &fresh);
    else
        c->entry.part[0] = c->source;
    if (fresh)
        judge_shared(wk, c->w, s->shared.rows + (size_t)c->source * WORDS, c->at, c->thread, c->outcome);
    if (TUPLES)
        c->entry.part[1] = tuple_of(wk, c->locals);
    else
        memcpy(c->entry.part + 1, c->locals, THREADS * sizeof *c->locals);
}

/* Number the parts of the candidates and add those states that are new. */
static void flush(Worker *wk)
{
    Search *s = wk->search;
    const Parts shared = parts_view(&s->shared);
    u64 new = 0;
    for (const Candidate *c = wk->batch; c < wk->batch + wk->waiting; ++c)
        prefetch_row(&shared, c->hash, WORDS);
    States states = states_view(&s->states);
    int shared_bits = s->shared_bits, local_bits = s->local_bits;
    for (Candidate *c = wk->batch; c < wk->batch + wk->waiting; ++c) {
        number_parts(wk, c);
        c->hash = mix(key_of(&c->entry, shared_bits, local_bits), states.bits);
        __builtin_prefetch(bucket_of(&states, c->hash), 1);
    }
    for (int k = 0; k < wk->waiting; ++k) {
        Candidate *c = &wk->batch[k];
        int is = states_add(&states, c->hash);
        while (is == FULL && !LOOK(s->over)) {
            __atomic_fetch_add(&s->states.count, new, __ATOMIC_RELAXED);
            new = 0;
            ask_for_growth(s, 2);
            park(s);
            states = states_view(&s->states);
            for (int j = k; j < wk->waiting; ++j)
                wk->batch[j].hash = mix(key_of(&wk->batch[j].entry, s->shared_bits, s->local_bits), states.bits);
            is = states_add(&states, c->hash);
        }
        if (is == NEW) {
            keep(wk, c);
            ++new;
        }
    }
    __atomic_fetch_add(&s->states.count, new, __ATOMIC_RELAXED);
    wk->waiting = 0;
    if (!LOOK(s->growth) && crowded(s))
        ask_for_growth(s, 1);
    if (LOOK(s->growth))
        park(s);
}

/* The number of a local part that a step has led to from another. */
static u32 local_of(Worker *wk, const u64 *row, u32 before, u32 outcome)
{
    struct After *after = &wk->after[(before + outcome * 97) & (AFTER - 1)];
    if (!rows_equal(after->row, row, LOCAL_WORDS)) {
        int fresh;
        copy_row(after->row, row, LOCAL_WORDS);
        after->number = parts_number(&wk->search->local, row, row_hash(row, LOCAL_WORDS), LOCAL_WORDS, &wk->spare_local, &fresh);
    }
    return after->number;
}

/* A step that was taken from entry `e`, whose shared part is `row`. */
static void met(Worker *wk, const Entry *e, const u64 *row, const u32 *locals, u64 at, u32 outcome)
{
    Search *s = wk->search;
    X *x = &wk->x;
    u32 local = local_of(wk, x->n, locals[x->thread], outcome);
    Candidate *c = &wk->batch[wk->waiting++];
    memcpy(c->locals, locals, sizeof c->locals);
    c->locals[x->thread] = local;
    c->source = e->part[0];
    c->at = at;
    c->thread = (u16)x->thread;
    c->outcome = outcome;
    c->renaming = 0;
    c->changes = !rows_equal(row, x->w, WORDS);
    /* If nothing changes that is for nothing, and costs less than a branch that cannot be predicted. */
    copy_row(c->w, x->w, WORDS);
    c->hash = row_hash(x->w, WORDS);
    __builtin_prefetch(&s->shared.slots[first_slot(&s->shared, c->hash)]);
    if (wk->waiting == BATCH)
        flush(wk);
}

/* Whether a transaction goes on with a step. */
static inline int goes_on(int step, int committed, int taken)
{
    switch (STEP_KIND[step]) {
    case STOP:
        return 0;
    case AWAIT:
        return !committed && !taken;
    case NON:
        return !committed;
    default:
        return !STEP_RELEASES[step] || STEP_RELEASES[step] != taken;
    }
}

/* A step of thread x->thread from where x->l is, and those that are taken as one with it; in `steps`, how many were. */
static int take_steps(const Search *s, X *x, int step, int *steps)
{
    int committed = 0, taken = 0;
    for (*steps = 0;;) {
        int end = STEPS[step](x);
        if (end != DONE)
            return end;
        settle(x, !s->judging);
        if (++*steps == MOST_STEPS || !s->run->transactions)
            return DONE;
        committed |= STEP_COMMITS[step];
        taken = taken ? taken : STEP_TAKES[step];
        int location = (int)(x->n[0] & 0xffff) - 2;
        if (location < 0)
            return DONE;
        step = THREAD_STEP[x->thread] + location;
        if (!goes_on(step, committed, taken))
            return DONE;
        memcpy(x->between, x->n, sizeof x->between);
        x->l = x->between;
    }
}

/* What the threads of a state can do. */
typedef struct Standing {
    u64 idle;     /* they have no step */
    u64 stopping; /* they can come to wait, for no lock, without consequence */
    u64 waiting;  /* they wait for a lock */
    u64 awaited;  /* who is in the way of those */
    u64 finished;
    u64 way[THREADS]; /* of those that wait */
    int wanted[THREADS]; /* the lock that each is about to take, or -1 */
    int shares[THREADS]; /* whether with others */
} Standing;

/* Turn to the steps of a thread. */
static inline void turn_to(X *x, int t)
{
    x->thread = t;
    x->me = THREAD_ELEMENT[t];
    x->first = THREAD_SNAPSHOTS[t];
    x->count = 0;
    x->wanted = -1;
}

/* Begin a run of a step, which has these parts before it. */
static inline void begin(X *x, const u64 *row, const u64 *local)
{
    copy_row(x->w, row, WORDS);
    x->l = local;
    x->taken = x->fault = x->late = 0;
    x->way = 0;
}

/* Take every step of thread t; 0 if the search has to be given up. */
static int expand_thread(Worker *wk, const Entry *e, const u64 *row, const u32 *locals, int t, u64 at, Standing *all)
{
    Search *s = wk->search;
    X *x = &wk->x;
    u64 bit = 1ULL << t, who = 0;
    const u64 *local = s->local.rows + (size_t)locals[t] * LOCAL_WORDS;
    int location = (int)(local[0] & 0xffff) - 2;
    u32 outcomes = 0;
    all->wanted[t] = -1;
    if (location < 0) {
        all->idle |= bit;
        all->finished |= location == -1 ? bit : 0;
        return 1;
    }
    int step = THREAD_STEP[t] + location;
    turn_to(x, t);
    do {
        int steps;
        begin(x, row, local);
        int end = take_steps(s, x, step, &steps);
        if (x->broken || end == UNSUPPORTED) {
            give_up(wk);
            return 0;
        }
        if (end != DONE)
            settle(x, 0);
        if (end == BLOCKED) {
            who = x->way;
            all->stopping |= steps ? bit : 0;
            continue;
        }
        if (end == DONE && !s->judging)
            met(wk, e, row, locals, at, outcomes);
        if (end == FAULT && !s->judging) {
            wk->first_fault = wk->first_fault ? wk->first_fault : (u32)x->fault;
            if (s->run->asked[FIRST_FAULT - 1 + x->fault])
                hit(&wk->hits[FIRST_FAULT - 1 + x->fault], s->depth, at, t, outcomes);
        }
        ++outcomes;
    } while (advance(x));
    if (STEP_WAITS[step] && x->wanted >= 0) {
        all->wanted[t] = x->wanted;
        all->shares[t] = STEP_SHARES[step];
        judge_lock(wk, row, x->wanted, at);
    }
    SET(wk->transitions, wk->transitions + (s->judging ? 0 : outcomes));
    if (!outcomes) {
        all->idle |= bit;
        if (who) {
            all->waiting |= bit;
            all->way[t] = who;
            all->awaited |= who;
            if (!s->judging)
                wk->contended[CLASS_OF[x->wait_cell]] = 1;
        }
    }
    return 1;
}

/* Whether some outcome of the next step of thread t makes thread u wait for the lock. */
static int waits_behind(Worker *wk, const u64 *row, const u32 *locals, int t, int u, int cell)
{
    const u64 *rows = wk->search->local.rows, *local = rows + (size_t)locals[u] * LOCAL_WORDS;
    X *x = &wk->x, *other = &wk->judge;
    int waits = 0;
    turn_to(x, t);
    do {
        begin(x, row, rows + (size_t)locals[t] * LOCAL_WORDS);
        int end = STEPS[THREAD_STEP[t] + (int)(x->l[0] & 0xffff) - 2](x);
        settle(x, 0);
        if (end != DONE)
            continue;
        turn_to(other, u);
        begin(other, x->w, local);
        waits = STEPS[THREAD_STEP[u] + (int)(local[0] & 0xffff) - 2](other) == BLOCKED && other->way && other->wait_cell == cell;
        settle(other, 0);
    } while (!waits && advance(x));
    return waits;
}

/* Two threads that are about to take the same lock, not both shared: if one gets it, the other waits. A transaction
 * may release a lock before the other is seen waiting. */
static void judge_contention(Worker *wk, const u64 *row, const u32 *locals, const Standing *all)
{
    for (int t = 0; t < THREADS; ++t)
        for (int u = t + 1; u < THREADS; ++u) {
            int cell = all->wanted[t];
            if (cell < 0 || cell != all->wanted[u] || (all->shares[t] && all->shares[u]))
                continue;
            u8 *contended = &wk->contended[CLASS_OF[cell]];
            *contended = *contended || waits_behind(wk, row, locals, t, u, cell) || waits_behind(wk, row, locals, u, t, cell);
        }
}

/* Take every step from a state; judge it. */
static void expand(Worker *wk, const Entry *entry, u64 at)
{
    Search *s = wk->search;
    /* Growth moves no rows, but what is appended may move the entries. */
    const Entry e = *entry;
    const u64 *row = s->shared.rows + (size_t)e.part[0] * WORDS;
    u32 locals[2 * TUPLE_WORDS];
    Standing all = {0};
    if (TUPLES)
        memcpy(locals, s->tuple.rows + (size_t)e.part[1] * TUPLE_WORDS, sizeof locals);
    else
        memcpy(locals, e.part + 1, THREADS * sizeof *locals);
    for (int t = 0; t < THREADS; ++t) {
        if (!expand_thread(wk, &e, row, locals, t, at, &all))
            return;
    }
    if (s->run->transactions && !s->judging)
        judge_contention(wk, row, locals, &all);
    int nobody_moves = (all.idle | all.stopping) == EVERYBODY && all.finished != EVERYBODY;
    if ((nobody_moves || all.awaited & all.idle) && s->run->asked[DEADLOCK] && wk->hits[DEADLOCK].depth < 0 &&
        (nobody_moves || waits_forever(all.way, all.waiting, all.finished)))
        hit(&wk->hits[DEADLOCK], s->depth, at, -1, 0);
}

/* ---- levels ------------------------------------------------------------------------------------------------ */

static u64 level_count(const Search *s, const Segment *level)
{
    u64 count = 0;
    for (u32 k = 0; k < s->run->workers; ++k)
        count += LOOK(level[k].count);
    return count;
}

#define ON_THEIR_WAY 8 /* states whose shared parts will be needed soon */

/* This worker's share of the level. */
static void work(Worker *wk)
{
    Search *s = wk->search;
    while (!LOOK(s->over) && !LOOK(s->ending) && !s->run->halt) {
        if (s->run->pause) {
            flush(wk);
            rest(s);
            continue;
        }
        u64 begin = __atomic_fetch_add(&s->next_block, 1, __ATOMIC_RELAXED) * BLOCK, end = begin + BLOCK;
        u64 offset = 0;
        int some = 0;
        for (u32 k = 0; k < s->run->workers; ++k) {
            const Segment *from = &s->level[k];
            u64 low = begin > offset ? begin - offset : 0;
            u64 high = end > offset ? end - offset : 0;
            for (u64 i = low; i < high && i < from->count && !LOOK(s->over); ++i) {
                some = 1;
                if (i + ON_THEIR_WAY < from->count)
                    __builtin_prefetch(s->shared.rows + (size_t)from->entries[i + ON_THEIR_WAY].part[0] * WORDS);
                expand(wk, &from->entries[i], offset + i);
            }
            offset += from->count;
        }
        if (!some && begin >= offset)
            break;
        if (wk->number == 0) {
            s->run->states = LOOK(s->states.count);
            s->run->bytes = bytes_used(s);
            u64 transitions = 0;
            for (u32 k = 0; k < s->run->workers; ++k)
                transitions += LOOK(s->workers[k].transitions);
            s->run->transitions = transitions;
            s->run->frontier = level_count(s, s->next) + (offset > begin ? offset - begin : 0);
            if (s->run->bytes > s->run->most_bytes) {
                s->run->reason = MEMORY;
                SET(s->ending, 1);
            }
        }
        if (LOOK(s->states.count) >= s->run->most_states) {
            s->run->reason = STATES;
            SET(s->ending, 1);
        }
    }
    if (!s->judging)
        flush(wk);
    leave(s);
}

/* Levels follow each other quickly: look this often before going to sleep, which takes longer. */
#define TURNS 10000
#define LINGER_WHILE(condition) \
    for (int k = 0; k < TURNS && (condition); ++k) RELAX()

static void *assist(void *argument)
{
    Worker *wk = argument;
    Search *s = wk->search;
    int round = 0;
    for (;;) {
        LINGER_WHILE(LOOK(s->level_round) == round);
        pthread_mutex_lock(&s->mutex);
        while (s->level_round == round)
            pthread_cond_wait(&s->changed, &s->mutex);
        round = s->level_round;
        pthread_mutex_unlock(&s->mutex);
        if (round < 0)
            return NULL;
        work(wk);
    }
}

/* All workers' shares of the level; small levels are done alone. */
static void work_together(Search *s, u64 count)
{
    int alone = s->run->workers == 1 || count < 8 * BLOCK * s->run->workers;
    s->next_block = 0;
    pthread_mutex_lock(&s->mutex);
    SET(s->working, alone ? 1 : (int)s->run->workers);
    s->parked = 0;
    if (!alone) {
        SET(s->level_round, s->level_round + 1);
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->mutex);
    work(&s->workers[0]);
    LINGER_WHILE(LOOK(s->working));
    pthread_mutex_lock(&s->mutex);
    while (s->working)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

static void earliest(Hit *all, const Hit *one)
{
    if (one->depth >= 0 && (all->depth < 0 || one->depth < all->depth))
        *all = *one;
}

/* What the workers found, put together. */
static void gather(Search *s)
{
    Run *run = s->run;
    run->transitions = 0;
    for (u32 k = 0; k < run->workers; ++k) {
        Worker *wk = &s->workers[k];
        run->transitions += wk->transitions;
        for (int p = 0; p < PROPERTIES; ++p)
            earliest(&run->hits[p], &wk->hits[p]);
        for (int p = 0; p < EDGES; ++p)
            earliest(&run->edges[p], &wk->edges[p]);
        for (int i = 0; i < ITEMS; ++i)
            run->covered[i] |= wk->covered[i];
        for (int i = 0; i < CLASSES; ++i)
            run->contended[i] |= wk->contended[i];
        for (int i = 0; i < INVARIANTS; ++i)
            run->open[i] |= wk->open[i];
        if (wk->first_fault && !run->first_fault) {
            run->first_fault = wk->first_fault;
            run->fault_depth = (i64)s->depth + 1;
        }
        /* What one has found the others need not look for. */
        for (u32 j = 0; j < run->workers; ++j)
            for (int i = 0; i < INVARIANTS; ++i)
                s->workers[j].open[i] |= wk->open[i];
    }
    run->states = s->states.count;
    run->bytes = bytes_used(s);
    run->shared_parts = s->shared.count;
    run->local_parts = s->local.count;
    run->state_bytes = states_bytes(&s->states);
}

/* Whether the run ends here; sets the reason. */
static int finished_level(Search *s)
{
    Run *run = s->run;
    if (LOOK(s->over) || LOOK(s->ending))
        return 1;
    if (run->halt) {
        run->reason = STOPPED;
        return 1;
    }
    run->depth = s->depth;
    for (int p = 0; p < PROPERTIES; ++p)
        if (run->stop[p] && run->hits[p].depth >= 0) {
            run->reason = VIOLATION;
            return 1;
        }
    return 0;
}

static void search_levels(Search *s)
{
    Run *run = s->run;
    for (;; ++s->depth) {
        u64 count = level_count(s, s->level);
        run->frontier = count;
        if (!count && !level_count(s, s->next)) {
            run->reason = COMPLETE;
            return;
        }
        s->judging = s->depth >= run->most_depth;
        work_together(s, count);
        gather(s);
        if (finished_level(s))
            return;
        if (s->judging) {
            run->reason = DEPTH;
            return;
        }
        if (run->record) {
            Segment *levels = realloc(s->levels, (s->depth + 2) * sizeof *levels);
            if (!levels) {
                run->reason = NO_ROOM;
                return;
            }
            s->levels = levels;
            s->levels[s->depth] = s->level[0];
            s->level[0] = (Segment){0};
        }
        Segment *level = s->level;
        s->level = s->next;
        s->next = level;
        for (u32 k = 0; k < run->workers; ++k)
            s->next[k].count = 0;
        for (u32 k = 0; k < run->workers; ++k)
            s->workers[k].out = &s->next[k];
    }
}

static int set_up(Search *s)
{
    Run *run = s->run;
    u64 most = 0xfffffff0u;
    int opened = parts_open(&s->shared, WORDS, 1 << 14, most) && parts_open(&s->local, LOCAL_WORDS, 1 << 11, most / 16);
    if (TUPLES)
        opened = opened && parts_open(&s->tuple, TUPLE_WORDS, 1 << 14, most);
    s->states.alone = run->workers == 1;
    s->shared_bits = s->local_bits = bits_for(s, 1024);
    if (run->symmetry && RENAMINGS > 1) {
        s->symmetric = map_memory(s->shared.most);
        s->renamed_locals = map_memory((size_t)RENAMINGS * THREADS * KNOWN_LOCALS * sizeof *s->renamed_locals);
        opened = opened && s->symmetric && s->renamed_locals;
    }
    opened = opened && states_open(&s->states, s->shared_bits + (PARTS - 1) * s->local_bits, 8);
    s->workers = calloc(run->workers, sizeof *s->workers);
    s->level = calloc(run->workers, sizeof *s->level);
    s->next = calloc(run->workers, sizeof *s->next);
    if (!opened || !s->workers || !s->level || !s->next)
        return 0;
    for (u32 k = 0; k < run->workers; ++k) {
        Worker *wk = &s->workers[k];
        wk->search = s;
        wk->number = (int)k;
        wk->x.covered = wk->judge.covered = wk->covered;
        wk->out = &s->next[k];
        wk->spare_shared = wk->spare_local = wk->spare_tuple = NO_PART;
        for (int p = 0; p < PROPERTIES; ++p)
            wk->hits[p].depth = -1;
        for (int p = 0; p <= EDGES; ++p)
            wk->edges[p].depth = -1;
    }
    return 1;
}

static void first_state(Search *s)
{
    Worker *wk = &s->workers[0];
    Candidate *c = &wk->batch[0];
    int fresh;
    for (int t = 0; t < THREADS; ++t)
        c->locals[t] = parts_number(&s->local, FIRST_LOCAL[t], row_hash(FIRST_LOCAL[t], LOCAL_WORDS), LOCAL_WORDS, &wk->spare_local, &fresh);
    /* The first state is what all renamings take it to. */
    c->source = parts_number(&s->shared, FIRST_SHARED, row_hash(FIRST_SHARED, WORDS), WORDS, &wk->spare_shared, &fresh);
    if (s->symmetric)
        s->symmetric[c->source] = 1;
    number_parts(wk, c);
    judge_shared(wk, FIRST_SHARED, NULL, 0, -1, 0);
    c->hash = mix(key_of(&c->entry, s->shared_bits, s->local_bits), s->states.bits);
    states_add(&s->states, c->hash);
    s->states.count = 1;
    wk->out = &s->level[0];
    keep(wk, c);
    wk->out = &s->next[0];
}

#include "checkpoint.c"

/* ---- for the caller ---------------------------------------------------------------------------------------- */

size_t pvcheck_run_bytes(void)
{
    return sizeof(Run);
}

/* Search; what was found is in `run`. The result is for pvcheck_parent and pvcheck_free. */
Search *pvcheck_search(Run *run)
{
    Search *s = calloc(1, sizeof *s);
    pthread_t threads[MOST_WORKERS];
    u32 started = 0;
    run->reason = RUNNING;
    run->fault_depth = -1;
    for (int p = 0; p < PROPERTIES; ++p)
        run->hits[p].depth = -1;
    for (int p = 0; p <= EDGES; ++p)
        run->edges[p].depth = -1;
    if (!s) {
        run->reason = NO_ROOM;
        return NULL;
    }
    s->run = run;
    run->search = s;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (set_up(s)) {
        for (u32 k = 1; k < run->workers; ++k)
            if (pthread_create(&threads[started], NULL, assist, &s->workers[k]) == 0)
                ++started;
        if (started + 1 == run->workers) {
            int begun = 1;
            if (run->resume)
                begun = restore(s);
            else
                first_state(s);
            if (begun)
                search_levels(s);
            else
                run->reason = NO_CHECKPOINT;
        }
        pthread_mutex_lock(&s->mutex);
        SET(s->level_round, -1);
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->mutex);
        for (u32 k = 0; k < started; ++k)
            pthread_join(threads[k], NULL);
    }
    if (run->reason == RUNNING)
        run->reason = NO_ROOM;
    return s;
}

/* From where the state at a place in a level was first met. */
Parent pvcheck_parent(const Search *s, u64 depth, u64 at)
{
    const Segment *level = depth < s->depth ? &s->levels[depth] : &s->level[0];
    return level->parents[at];
}

void pvcheck_free(Search *s)
{
    if (!s)
        return;
    for (u64 d = 0; s->levels && d < s->depth; ++d) {
        free(s->levels[d].entries);
        free(s->levels[d].parents);
    }
    free(s->levels);
    for (u32 k = 0; s->level && s->next && k < s->run->workers; ++k) {
        free(s->level[k].entries);
        free(s->level[k].parents);
        free(s->next[k].entries);
        free(s->next[k].parents);
    }
    free(s->level);
    free(s->next);
    free(s->workers);
    parts_close(&s->shared, WORDS);
    parts_close(&s->local, LOCAL_WORDS);
    if (TUPLES)
        parts_close(&s->tuple, TUPLE_WORDS);
    states_close(&s->states);
    unmap_memory(s->symmetric, s->shared.most);
    unmap_memory(s->renamed_locals, (size_t)RENAMINGS * THREADS * KNOWN_LOCALS * sizeof *s->renamed_locals);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->changed);
    free(s);
}
