/* What the search knows: what it shares with its caller, and its own data.
 *
 * Before this file the generated part defines the steps and tables of the model. */

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory.h"
#include "parts.h"
#include "states.h"

#if THREADS > 3
#define TUPLES 1 /* the local parts of a state are numbered together */
#define PARTS 2
#else
#define TUPLES 0
#define PARTS (THREADS + 1)
#endif
#define TUPLE_WORDS ((THREADS + 1) / 2)
#define PROPERTIES (8 + INVARIANTS) /* deadlock, lock order, six faults, the invariants */
#define DEADLOCK 0
#define LOCK_ORDER 1
#define FIRST_FAULT 2
#define FIRST_INVARIANT 8
#define EVERYBODY (THREADS >= 64 ? ~0ULL : (1ULL << THREADS) - 1)
#define MOST_WORKERS 256

/* Why a search ended. */
enum { COMPLETE, DEPTH, STOPPED, STATES, MEMORY, VIOLATION, NO_ROOM, LIMITATION, NO_CHECKPOINT, RUNNING };

/* A state: the numbers of its shared part and of its local ones. */
typedef struct Entry {
    u32 part[PARTS];
} Entry;

/* Where something was first met. */
typedef struct Hit {
    i64 depth;   /* of the state; -1: never */
    u64 at;      /* its place in its level; only if states are recorded */
    i32 thread;  /* who took a step from there, or -1 */
    u32 outcome; /* and which of its outcomes it was */
} Hit;

/* The step by which a state was first met; only if states are recorded. */
typedef struct Parent {
    u64 at; /* of the state before, in its level */
    u16 thread;
    u16 renaming; /* of the state that the step leads to */
    u32 outcome;
} Parent;

/* Shared with the caller. */
typedef struct Run {
    /* What to do. */
    u32 workers;
    u32 record;   /* keep all levels, and from where each state was met; one worker */
    u32 symmetry; /* of states that differ by a renaming only, visit one */
    u32 transactions; /* take as many steps of a thread as one as can be */
    u64 most_states;
    u64 most_depth;
    u64 most_bytes;
    u8 asked[PROPERTIES];
    u8 stop[PROPERTIES]; /* end after the level in which such a property is violated */
    const char *resume;  /* a file to go on from, or NULL */
    /* Meanwhile. */
    volatile u32 halt;   /* set by the caller: end soon */
    volatile u32 pause;  /* set by the caller: rest, so that the search can be saved */
    volatile u32 paused; /* all workers rest */
    struct Search *search;
    volatile u64 states, transitions, depth, frontier, bytes;
    /* The outcome. */
    u32 reason;
    u32 first_fault; /* kind; 0: none */
    i64 fault_depth; /* steps of the shortest run that ends in a fault; -1: none */
    u64 shared_parts, local_parts, state_bytes;
    Hit hits[PROPERTIES];
    Hit edges[EDGES + 1];
    u8 covered[ITEMS + 1];
    u8 contended[CLASSES + 1];
    u8 open[INVARIANTS + 1];
} Run;

typedef struct Segment {
    Entry *entries;
    Parent *parents;
    u64 count, room;
    char apart[LINE]; /* from those of other workers */
} Segment;

typedef struct Candidate {
    u64 w[WORDS];
    u64 hash; /* of the shared part, then the mixed key */
    Entry entry;
    u32 locals[THREADS];
    u32 source; /* the shared part before */
    u64 at;
    u16 thread;
    u16 renaming;
    u8 changes; /* the shared part */
    u32 outcome;
} Candidate;

#define BATCH 64
#define KNOWN (1 << 13)         /* renamed shared parts that a worker remembers */
#define KNOWN_LOCALS (1u << 16) /* local parts whose renamings are remembered */
#define AFTER (1 << 10)          /* steps from local parts whose result a worker remembers */
#define BLOCK 128 /* states that a worker takes at a time */

typedef struct Worker {
    struct Search *search;
    int number;
    X x, judge;
    u64 transitions;
    int waiting; /* candidates in the batch */
    Candidate batch[BATCH];
    u32 spare_shared, spare_local, spare_tuple;
    Segment *out;
    u32 first_fault;
    Hit hits[PROPERTIES];
    Hit edges[EDGES + 1];
    u8 covered[ITEMS + 1];
    u8 contended[CLASSES + 1];
    u8 open[INVARIANTS + 1];
    struct Seen {
        u64 locks;
        u32 who;
    } seen[1024]; /* lock acquisitions that were looked at */
    struct After {
        u64 row[LOCAL_WORDS]; /* a row of zeros is none */
        u32 number;
    } after[AFTER]; /* what the last step from a local part led to */
#if RENAMINGS > 1
    struct Known {
        u64 row[WORDS];
        u32 number; /* of the representative, and 1 */
        u16 renaming;
        u8 several;
    } known[KNOWN];
#endif
    char apart[LINE];
} Worker;

typedef struct Search {
    Run *run;
    Parts shared, local, tuple;
    States states;
    u8 *symmetric;       /* per shared part: several renamings take it to itself */
    u32 *renamed_locals; /* per renaming, thread and local part: its number and 1, or 0 */
    int shared_bits, local_bits;
    u64 depth;
    int judging; /* judge states, take no steps */
    Segment *level, *next; /* one segment per worker */
    Segment *levels;       /* all, if recorded: one segment each */
    Worker *workers;
    char apart[LINE];
    u64 next_block;
    /* Workers meet here when the tables have to grow, and at the end of a level. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int working, parked, resting, round, level_round;
    int growth; /* asked for; 2: there is no place for a state */
    int growing;
    struct Move *move; /* of all states into a larger table; who is parked helps */
    int helping;
    int ending; /* workers end with the block they are at; the search can be saved then */
    int over;   /* they end at once */
    char apart_too[LINE]; /* what is written often may come next in memory */
} Search;
