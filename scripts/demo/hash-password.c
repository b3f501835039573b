/*
 * hash-password: reads a password from standard input (one line) and prints the
 * hash that the users table keeps: "$scrypt$ln=15,r=8,p=1$<salt>$<hash>", as
 * ngx_dicom_kdf.c makes it.  Only for the first administrator of a system, who
 * has nobody to be created by.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define LOG_N  15
#define SALT   16
#define HASH   32

/* Base64 without padding. */
static void print_base64(const unsigned char *bytes, int length)
{
    char text[4 * (HASH + 2) / 3 + 4];

    EVP_EncodeBlock((unsigned char *) text, bytes, length);
    text[strcspn(text, "=")] = '\0';
    fputs(text, stdout);
}

int main(void)
{
    char password[1024];
    unsigned char salt[SALT], hash[HASH];
    size_t length;
    int ok;

    if (fgets(password, sizeof(password), stdin) == NULL) {
        fputs("hash-password: no password on standard input\n", stderr);
        return 1;
    }
    length = strcspn(password, "\r\n");
    if (length < 10) {
        fputs("hash-password: at least 10 characters\n", stderr);
        return 1;
    }

    ok = RAND_bytes(salt, sizeof(salt)) == 1
        && EVP_PBE_scrypt(password, length, salt, sizeof(salt), 1u << LOG_N,
               8, 1, 64u << 20, hash, sizeof(hash)) == 1;
    OPENSSL_cleanse(password, sizeof(password));
    if (!ok) {
        fputs("hash-password: scrypt failed\n", stderr);
        return 1;
    }

    printf("$scrypt$ln=%d,r=8,p=1$", LOG_N);
    print_base64(salt, sizeof(salt));
    putchar('$');
    print_base64(hash, sizeof(hash));
    putchar('\n');

    return 0;
}
