#include "vp8_bool.h"

const uint8_t VP8_SHIFTS[255] = {
    7, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

const uint8_t VP8_RANGES[255] = {
    127, 127, 191, 127, 159, 191, 223, 127, 143, 159, 175, 191, 207, 223, 239, 127, 135, 143, 151, 159,
    167, 175, 183, 191, 199, 207, 215, 223, 231, 239, 247, 127, 131, 135, 139, 143, 147, 151, 155, 159,
    163, 167, 171, 175, 179, 183, 187, 191, 195, 199, 203, 207, 211, 215, 219, 223, 227, 231, 235, 239,
    243, 247, 251, 127, 129, 131, 133, 135, 137, 139, 141, 143, 145, 147, 149, 151, 153, 155, 157, 159,
    161, 163, 165, 167, 169, 171, 173, 175, 177, 179, 181, 183, 185, 187, 189, 191, 193, 195, 197, 199,
    201, 203, 205, 207, 209, 211, 213, 215, 217, 219, 221, 223, 225, 227, 229, 231, 233, 235, 237, 239,
    241, 243, 245, 247, 249, 251, 253, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139,
    140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159,
    160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179,
    180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199,
    200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219,
    220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239,
    240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254};

static bool is_empty(const vp8_bools *r) { return r->range == 254; } /* any boolean makes it smaller */

bool vp8_is_impossible(const vp8_bools *r) { return !is_empty(r) && r->start < r->end && *r->start == 0xFF; }

size_t vp8_needed(const vp8_bools *r) { return is_empty(r) ? 0 : (vp8_shifts(r, r->before) + 15) / 8; }

/* libwebp appends zeros at even odds until 9 bits follow the last whole byte, then pads that byte too. */
size_t vp8_finished_size(const vp8_bools *r) {
    size_t whole = (vp8_shifts(r, r->bits) + 7) / 8;
    return is_empty(r) ? 2 : (whole ? whole : 1) + 2;
}

/* The last bytes are the data's less what is left of it above the interval's lower end. A borrow may go far up. */
void vp8_copy_partition(const vp8_bools *reader, writer *out) {
    vp8_bools r = *reader;
    size_t size = vp8_finished_size(&r), shifts = vp8_shifts(&r, r.bits), used = (shifts + 15) / 8;
    size_t given = (size_t)(r.end - r.start), kept = given < used ? given : used;
    uint32_t spare = (uint32_t)(used * 8 - shifts - 8); /* bits of the last byte behind the 8 to be compared next */
    uint8_t *to = out->next;
    put_bytes(out, r.start, kept);
    put_run(out, 0, size - kept);
    if (out->full) return;
    if (r.bits < 0) vp8_refill(&r);
    uint32_t borrow = (uint32_t)(r.value >> r.bits) << spare;
    to[used - 1] = (uint8_t)(to[used - 1] >> spare << spare);
    for (size_t at = used; borrow && at--;) {
        uint32_t low = borrow & 0xFF, byte = to[at];
        borrow = (borrow >> 8) + (byte < low);
        to[at] = (uint8_t)(byte - low);
    }
}

static void flush(vp8_booler *w) {
    uint32_t shift = (uint32_t)(8 + w->bits), out = w->value >> shift, carry = out >> 8;
    w->value -= out << shift;
    w->bits -= 8;
    if ((out & 0xFF) == 0xFF) {
        w->run++;
        return;
    }
    if (w->pending >= 0) put_byte(w->out, (uint8_t)(w->pending + (int32_t)carry));
    put_run(w->out, carry ? 0 : 0xFF, w->run);
    w->pending = (int32_t)(out & 0xFF);
    w->run = 0;
}

void vp8_put(vp8_booler *w, uint32_t bit, uint32_t probability) {
    uint32_t split = w->range * probability >> 8;
    if (bit) {
        w->value += split + 1;
        w->range -= split + 1;
    } else {
        w->range = split;
    }
    int32_t shift = __builtin_clz(w->range + 1) - 24;
    w->range = ((w->range + 1) << shift) - 1;
    w->value <<= shift;
    w->bits += shift;
    if (w->bits > 0) flush(w);
}

void vp8_put_bits(vp8_booler *w, uint32_t value, uint32_t count) {
    while (count--) vp8_put(w, value >> count & 1, 128);
}

void vp8_put_signed(vp8_booler *w, int32_t value, uint32_t count) {
    vp8_put(w, value != 0, 128);
    if (!value) return;
    vp8_put_bits(w, (uint32_t)(value < 0 ? -value : value), count);
    vp8_put(w, value < 0, 128);
}

void vp8_finish(vp8_booler *w) {
    vp8_put_bits(w, 0, (uint32_t)(9 - w->bits));
    w->bits = 0;
    flush(w);
    if (w->pending >= 0) put_byte(w->out, (uint8_t)w->pending);
    put_run(w->out, 0xFF, w->run);
}
