/* States up to renaming: of those that differ only by names, one stands for all.
 *
 * A shared part is represented by the least of its orbit. Nearly always just one renaming leads there, and the
 * local parts follow; where several do, the least tuple of numbers of local parts is taken. */

#if RENAMINGS > 1

static void rename_shared(int k, const u64 *from, u64 *to)
{
    memset(to, 0, WORDS * sizeof *to);
    for (int n = 0; n < RENAMED; ++n) {
        int cell = RENAMED_CELLS[n], source = CELL_FROM[k][cell], type = CELL_CHANGE[n];
        if (CELL_IS_WIDE[n]) {
            PUT_WIDE(to, (u64)cell, change(type, k, GET_WIDE(from, (u64)source)));
        } else {
            u64 code = GET(from, (u64)source);
            PUT(to, (u64)cell, type ? (u64)change(type, k, code) : code);
        }
    }
}

/* What thread t's local part becomes. */
static void rename_local(int k, int t, const u64 *from, u64 *to)
{
    memcpy(to, from, LOCAL_WORDS * sizeof *to);
    int location = (int)(from[0] & 0xffff) - 2;
    if (location < 0)
        return;
    for (u32 n = SLOTS_FROM[THREAD_STEP[t] + location]; n < SLOTS_FROM[THREAD_STEP[t] + location + 1]; ++n) {
        const Slot *slot = &SLOTS[n];
        if (slot->width > 64) {
            u128 code = change(slot->type, k, (u128)from[slot->word + 1] << 64 | from[slot->word]);
            to[slot->word] = (u64)code;
            to[slot->word + 1] = (u64)(code >> 64);
            continue;
        }
        u64 all = low_bits(slot->width);
        u64 code = (u64)change(slot->type, k, from[slot->word] >> slot->shift & all);
        to[slot->word] = (to[slot->word] & ~(all << slot->shift)) | code << slot->shift;
    }
}

/* Negative, 0 or positive as a is less than, equal to or greater than b. */
static int compare_rows(const u64 *a, const u64 *b)
{
    for (int n = 0; n < WORDS; ++n)
        if (a[n] != b[n])
            return a[n] < b[n] ? -1 : 1;
    return 0;
}

/* The least of the orbit; a renaming that leads there, and whether others do. */
static void least_shared(const u64 *row, u64 *least, int *renaming, int *several)
{
    u64 other[WORDS];
    memcpy(least, row, sizeof other);
    *renaming = *several = 0;
    for (int k = 1; k < RENAMINGS; ++k) {
        rename_shared(k, row, other);
        int order = compare_rows(other, least);
        if (order > 0)
            continue;
        *several = order == 0;
        if (order < 0) {
            *renaming = k;
            memcpy(least, other, sizeof other);
        }
    }
}

static u32 renamed_local(Worker *wk, int k, int t, u32 local)
{
    Search *s = wk->search;
    u32 *known = NULL;
    u64 row[LOCAL_WORDS];
    int fresh;
    if (local < KNOWN_LOCALS) {
        known = s->renamed_locals + (((size_t)local * RENAMINGS + (size_t)k) * THREADS + (size_t)t);
        u32 number = __atomic_load_n(known, __ATOMIC_RELAXED);
        if (number)
            return number - 1;
    }
    rename_local(k, t, s->local.rows + (size_t)local * LOCAL_WORDS, row);
    u32 number = parts_number(&s->local, row, row_hash(row, LOCAL_WORDS), LOCAL_WORDS, &wk->spare_local, &fresh);
    if (known)
        __atomic_store_n(known, number + 1, __ATOMIC_RELAXED);
    return number;
}

static void rename_locals(Worker *wk, int k, const u32 *from, u32 *to)
{
    for (int t = 0; t < THREADS; ++t)
        to[THREAD_TO[k][t]] = k ? renamed_local(wk, k, t, from[t]) : from[t];
}

/* Of the renamings that take `row` to `least`, the one that makes the least of the local parts. */
static int least_locals(Worker *wk, const u64 *row, const u64 *least, u32 *locals)
{
    u32 best[THREADS], other[THREADS];
    u64 renamed[WORDS];
    int found = -1;
    for (int k = 0; k < RENAMINGS; ++k) {
        rename_shared(k, row, renamed);
        if (!rows_equal(renamed, least, WORDS))
            continue;
        rename_locals(wk, k, locals, other);
        int less = found < 0;
        for (int t = 0; !less && t < THREADS && other[t] <= best[t]; ++t)
            less = other[t] < best[t];
        if (less) {
            memcpy(best, other, sizeof best);
            found = k;
        }
    }
    memcpy(locals, best, sizeof best);
    return found;
}

/* The representative's shared part, and in `locals` its local parts; which renaming leads there. */
static u32 represent(Worker *wk, Candidate *c, int *fresh)
{
    Search *s = wk->search;
    u64 least[WORDS];
    u32 locals[THREADS];
    int renaming = 0, several;
    u32 number = c->source;
    if (!c->changes) {
        const u64 *row = s->shared.rows + (size_t)number * WORDS;
        if (s->symmetric[number])
            c->renaming = (u16)least_locals(wk, row, row, c->locals);
        return number;
    }
    struct Known *known = &wk->known[c->hash & (KNOWN - 1)];
    if (known->number && rows_equal(known->row, c->w, WORDS)) {
        number = known->number - 1;
        renaming = known->renaming;
        several = known->several;
    } else {
        least_shared(c->w, least, &renaming, &several);
        number = parts_number(&s->shared, least, row_hash(least, WORDS), WORDS, &wk->spare_shared, fresh);
        if (several)
            s->symmetric[number] = 1;
        memcpy(known->row, c->w, sizeof known->row);
        known->number = number + 1;
        known->renaming = (u16)renaming;
        known->several = (u8)several;
    }
    if (several) {
        memcpy(least, s->shared.rows + (size_t)number * WORDS, sizeof least);
        renaming = least_locals(wk, c->w, least, c->locals);
    } else if (renaming) {
        memcpy(locals, c->locals, sizeof locals);
        rename_locals(wk, renaming, locals, c->locals);
    }
    c->renaming = (u16)renaming;
    return number;
}

#endif
