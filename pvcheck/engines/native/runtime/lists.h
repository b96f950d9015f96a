/* Lists in one number: the length, then `most` places of `width` bits, the head's highest; 0 behind the
 * end. Included once per size of number: TYPE is its type, NAME(f) the function's name. */

static inline TYPE NAME(body_of)(TYPE list, int most, int width)
{
    return list & (((TYPE)1 << most * width) - 1);
}

static inline TYPE NAME(place)(TYPE list, int k, int most, int width)
{
    return list >> (most - 1 - k) * width & (((TYPE)1 << width) - 1);
}

/* Where the first such element is; -1: nowhere. */
static inline int NAME(find)(TYPE list, u64 item, int most, int width)
{
    int n = (int)(list >> most * width);
    for (int k = 0; k < n; ++k)
        if (NAME(place)(list, k, most, width) == item)
            return k;
    return -1;
}

static inline TYPE NAME(first)(X *x, TYPE list, int most, int width)
{
    if (!(list >> most * width))
        return (TYPE)fault_0(x, EMPTY_LIST);
    return NAME(place)(list, 0, most, width);
}

static inline TYPE NAME(last)(X *x, TYPE list, int most, int width)
{
    int n = (int)(list >> most * width);
    return n ? NAME(place)(list, n - 1, most, width) : (TYPE)fault_0(x, EMPTY_LIST);
}

static inline TYPE NAME(append)(X *x, TYPE list, TYPE item, int most, int width)
{
    int n = (int)(list >> most * width);
    if (n == most) {
        x->late = 1;
        return list;
    }
    return (list + ((TYPE)1 << most * width)) | item << (most - 1 - n) * width;
}

static inline TYPE NAME(prepend)(X *x, TYPE list, TYPE item, int most, int width)
{
    TYPE n = list >> most * width;
    if ((int)n == most) {
        x->late = 1;
        return list;
    }
    TYPE rest = NAME(body_of)(list, most, width) >> width;
    return (n + 1) << most * width | item << (most - 1) * width | rest;
}

/* The list without the first such element. */
static inline TYPE NAME(without)(X *x, TYPE list, u64 item, int most, int width)
{
    int k = NAME(find)(list, item, most, width);
    if (k < 0)
        return (TYPE)fault_0(x, EMPTY_LIST);
    TYPE behind = ((TYPE)1 << (most - 1 - k) * width) - 1;
    TYPE before = ~(((TYPE)1 << (most - k) * width) - 1);
    return ((list & before) - ((TYPE)1 << most * width)) | (list & behind) << width;
}

/* The element behind the first such one, as an optional. */
static inline TYPE NAME(following)(X *x, TYPE list, u64 item, int most, int width)
{
    int n = (int)(list >> most * width), k = NAME(find)(list, item, most, width);
    if (k < 0)
        return (TYPE)fault_0(x, EMPTY_LIST);
    return k + 1 < n ? NAME(place)(list, k + 1, most, width) + 1 : 0;
}

static inline TYPE NAME(some)(X *x, TYPE optional)
{
    return optional ? optional - 1 : (TYPE)fault_0(x, NONE_ACCESS);
}

static inline u64 NAME(least)(X *x, TYPE set)
{
    return set ? (u64)NAME(lowest)(set) : fault_0(x, EMPTY_LIST);
}

static inline u64 NAME(greatest)(X *x, TYPE set)
{
    return set ? (u64)NAME(highest)(set) : fault_0(x, EMPTY_LIST);
}
