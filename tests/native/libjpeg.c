/* libjpeg as an oracle: the coefficients of a JPEG file, or the same coefficients in another file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

static const int ZIGZAG[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
                               41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
                               30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static void coefficients(struct jpeg_decompress_struct *in, jvirt_barray_ptr *arrays) {
    for (int c = 0; c < in->num_components; c++) {
        jpeg_component_info *one = &in->comp_info[c];
        unsigned size = one->width_in_blocks * one->height_in_blocks;
        fwrite(&size, 4, 1, stdout);
        for (JDIMENSION y = 0; y < one->height_in_blocks; y++) {
            JBLOCKARRAY row = in->mem->access_virt_barray((j_common_ptr)in, arrays[c], y, 1, FALSE);
            for (JDIMENSION x = 0; x < one->width_in_blocks; x++) {
                for (int k = 0; k < 64; k++) fwrite(&row[0][x][ZIGZAG[k]], 2, 1, stdout);
            }
        }
    }
}

/* Coefficients of 5 to 7: nonzero from the first scan on, so that refining scans have nothing but correction bits. */
static void fill(struct jpeg_decompress_struct *in, jvirt_barray_ptr *arrays) {
    for (int c = 0; c < in->num_components; c++) {
        jpeg_component_info *one = &in->comp_info[c];
        for (JDIMENSION y = 0; y < one->height_in_blocks; y++) {
            JBLOCKARRAY row = in->mem->access_virt_barray((j_common_ptr)in, arrays[c], y, 1, TRUE);
            for (JDIMENSION x = 0; x < one->width_in_blocks; x++) {
                for (int k = 0; k < 64; k++) row[0][x][k] = (JCOEF)(5 + (x + y * k) % 3);
            }
        }
    }
}

int main(int argc, char **argv) {
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    struct jpeg_error_mgr errors;
    in.err = out.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    jpeg_stdio_src(&in, stdin);
    jpeg_read_header(&in, TRUE);
    jvirt_barray_ptr *arrays = jpeg_read_coefficients(&in);
    if (!strcmp(argv[1], "coefficients")) {
        coefficients(&in, arrays);
    } else {
        for (int i = 2; i < argc; i++) {
            if (!strcmp(argv[i], "dense")) fill(&in, arrays);
        }
        jpeg_create_compress(&out);
        jpeg_stdio_dest(&out, stdout);
        jpeg_copy_critical_parameters(&in, &out);
        for (int i = 2; i < argc; i++) {
            if (!strcmp(argv[i], "arithmetic")) out.arith_code = TRUE;
            if (!strcmp(argv[i], "progressive")) jpeg_simple_progression(&out);
            if (!strcmp(argv[i], "optimise")) out.optimize_coding = TRUE;
            if (!strcmp(argv[i], "restart")) out.restart_interval = 5;
        }
        jpeg_write_coefficients(&out, arrays);
        jpeg_finish_compress(&out);
    }
    jpeg_finish_decompress(&in);
    return errors.num_warnings ? 3 : 0;
}
