/* Saving a search between two blocks of a level, and going on from there.
 *
 * The file is a dump in the layout of this build: the caller makes sure that it is of the same library. */

#include <errno.h>
#include <stdio.h>

typedef struct Saved {
    u64 depth, shared_bits, local_bits, waiting, next;
    u32 shared_count, local_count, tuple_count;
    u64 shared_mask, local_mask, tuple_mask;
    States states;
} Saved;

static u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

typedef struct File {
    FILE *file;
    int saving;
    int failed; /* errno */
} File;

/* Write or read so many bytes. */
static void transfer(File *f, void *data, u64 bytes)
{
    size_t done = 0;
    if (f->failed || !bytes)
        return;
    errno = 0;
    done = f->saving ? fwrite(data, 1, bytes, f->file) : fread(data, 1, bytes, f->file);
    if (done != bytes)
        f->failed = errno ? errno : EIO;
}

static void transfer_parts(File *f, Parts *p, int words)
{
    transfer(f, p->rows, (u64)p->count * (u64)words * sizeof *p->rows);
    transfer(f, p->slots, (p->mask + 1) * sizeof *p->slots);
}

/* What is found is gathered in `run`; what workers hold in reserve is lost, no more. */
static void transfer_all(File *f, Search *s)
{
    Run *run = s->run;
    transfer_parts(f, &s->shared, WORDS);
    transfer_parts(f, &s->local, LOCAL_WORDS);
    if (TUPLES)
        transfer_parts(f, &s->tuple, TUPLE_WORDS);
    transfer(f, s->states.slots, states_bytes(&s->states));
    if (s->symmetric)
        transfer(f, s->symmetric, s->shared.count);
    u64 transitions = run->transitions;
    transfer(f, &transitions, sizeof transitions);
    run->transitions = transitions;
    transfer(f, &run->first_fault, sizeof run->first_fault);
    transfer(f, &run->fault_depth, sizeof run->fault_depth);
    transfer(f, run->hits, sizeof run->hits);
    transfer(f, run->edges, sizeof run->edges);
    transfer(f, run->covered, sizeof run->covered);
    transfer(f, run->contended, sizeof run->contended);
    transfer(f, run->open, sizeof run->open);
}

/* Write a search that rests or has ended, but was not broken off, to a file; 0, or an errno. */
int pvcheck_save(Search *s, const char *path)
{
    if (!s || s->over || s->judging || s->run->record)
        return EINVAL;
    File f = {fopen(path, "wb"), 1, 0};
    if (!f.file)
        return errno;
    gather(s);
    u64 begun = s->next_block * BLOCK, offset = 0, left = level_count(s, s->level);
    begun = min_u64(begun, left);
    Saved saved = {s->depth, (u64)s->shared_bits, (u64)s->local_bits, left - begun, level_count(s, s->next),
                   s->shared.count, s->local.count, s->tuple.count,
                   s->shared.mask, s->local.mask, s->tuple.mask, s->states};
    transfer(&f, &saved, sizeof saved);
    transfer_all(&f, s);
    for (u32 k = 0; k < s->run->workers; ++k) {
        const Segment *level = &s->level[k];
        u64 skip = min_u64(begun > offset ? begun - offset : 0, level->count);
        transfer(&f, level->entries + skip, (level->count - skip) * sizeof(Entry));
        offset += level->count;
    }
    for (u32 k = 0; k < s->run->workers; ++k)
        transfer(&f, s->next[k].entries, s->next[k].count * sizeof(Entry));
    if (fflush(f.file) || fsync(fileno(f.file)))
        f.failed = f.failed ? f.failed : errno;
    if (fclose(f.file))
        f.failed = f.failed ? f.failed : errno;
    return f.failed;
}

static int make_room(Parts *p, int words, u64 mask, u32 count)
{
    parts_close(p, words);
    int opened = parts_open(p, words, mask + 1, 0xfffffff0u);
    p->count = count;
    return opened && count <= p->most;
}

static int entries_from(File *f, Segment *segment, u64 count)
{
    segment->entries = malloc((count + 1) * sizeof(Entry));
    segment->count = count;
    segment->room = count + 1;
    if (segment->entries)
        transfer(f, segment->entries, count * sizeof(Entry));
    return segment->entries != NULL;
}

/* Go on from a file that pvcheck_save has written; whether that worked. */
static int restore(Search *s)
{
    Run *run = s->run;
    Saved saved;
    File f = {fopen(run->resume, "rb"), 0, 0};
    if (!f.file)
        return 0;
    transfer(&f, &saved, sizeof saved);
    int sound = !f.failed && make_room(&s->shared, WORDS, saved.shared_mask, saved.shared_count) &&
                make_room(&s->local, LOCAL_WORDS, saved.local_mask, saved.local_count) &&
                (!TUPLES || make_room(&s->tuple, TUPLE_WORDS, saved.tuple_mask, saved.tuple_count));
    if (sound) {
        states_close(&s->states);
        sound = states_open(&s->states, saved.states.bits, saved.states.bucket_bits);
        s->states.count = saved.states.count;
        s->shared_bits = (int)saved.shared_bits;
        s->local_bits = (int)saved.local_bits;
    }
    if (sound) {
        transfer_all(&f, s);
        sound = entries_from(&f, &s->level[0], saved.waiting) && entries_from(&f, &s->next[0], saved.next);
    }
    fclose(f.file);
    s->depth = saved.depth;
    s->workers[0].transitions = run->transitions;
    for (u32 k = 0; k < run->workers; ++k) {
        Worker *wk = &s->workers[k];
        memcpy(wk->hits, run->hits, sizeof wk->hits);
        memcpy(wk->edges, run->edges, sizeof wk->edges);
        memcpy(wk->covered, run->covered, sizeof wk->covered);
        memcpy(wk->contended, run->contended, sizeof wk->contended);
        memcpy(wk->open, run->open, sizeof wk->open);
    }
    return sound && !f.failed;
}
