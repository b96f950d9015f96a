/* A program of its own: search once, say what was found.
 *
 * Before this file: search.c, and the names of the properties and which are asked for. */

#include <inttypes.h>
#include <stdio.h>

/* The argument: how many threads search. Ends with 0: nothing is violated; 1: something is; 3: not all was searched. */
int main(int count, char **arguments)
{
    static Run run;
    run.workers = count > 1 ? (u32)strtoul(arguments[1], NULL, 10) : 1;
    if (!run.workers || run.workers > MOST_WORKERS) {
        fprintf(stderr, "%s [threads, at most %d]\n", arguments[0], MOST_WORKERS);
        return 2;
    }
    run.most_states = run.most_depth = run.most_bytes = ~0ULL >> 1;
    memcpy(run.asked, ASKED, sizeof run.asked);
    Search *search = pvcheck_search(&run);
    printf("%" PRIu64 " states, %" PRIu64 " transitions, depth %" PRIu64 "\n", run.states, run.transitions, run.depth);
    int violated = 0, whole = run.reason == COMPLETE;
    for (int p = 0; p < PROPERTIES; ++p) {
        if (!run.asked[p])
            continue;
        violated |= run.hits[p].depth >= 0;
        if (run.hits[p].depth < 0)
            printf("%s: %s\n", NAMES[p], whole ? "not violated" : "inconclusive");
        else
            printf("%s: violated after %" PRId64 " steps\n", NAMES[p], run.hits[p].depth + (run.hits[p].thread >= 0));
    }
    pvcheck_free(search);
    return violated ? 1 : whole ? 0 : 3;
}
