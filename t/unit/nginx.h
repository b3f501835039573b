/*
 * What unit tests need of nginx's core: Debian ships nginx's headers, not its
 * sources.  Pools that give each allocation its own malloc(), so that a
 * sanitizer sees every byte too much; strings and arrays as far as the pure
 * rooms use them.
 */

#ifndef T_UNIT_NGINX_H
#define T_UNIT_NGINX_H

#include <ngx_config.h>
#include <ngx_core.h>

ngx_pool_t *test_pool(void);

#define test_str(text)  ((ngx_str_t) { sizeof(text) - 1, (u_char *) (text) })

#endif /* T_UNIT_NGINX_H */
