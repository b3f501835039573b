
/*
 * The YAML file of one server: read at configuration time, and its runtime
 * part again on SIGUSR1.  Pure but for reading the files it names.
 */


#ifndef _NGX_DICOM_CONFIG_H_INCLUDED_
#define _NGX_DICOM_CONFIG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_dicom_jwt.h"


typedef enum {
    NGX_DICOM_OFF = 0,
    NGX_DICOM_WEB = 1,
    NGX_DICOM_TOPLEVEL = 2,
    NGX_DICOM_FACILITY = 4,
    NGX_DICOM_NODE = 8
} ngx_dicom_server_type_e;


/*
 * The part that SIGUSR1 changes: fixed size, copied whole into the
 * shared-memory zone by the master, copied out by each reader.
 */
typedef struct {
    ngx_dicom_keys_t          keys;
    ngx_uint_t                debug;           /* log what tokens decided */
    ngx_uint_t                token_life;      /* tokenLife, seconds */
    ngx_uint_t                ncors;
    u_char                    cors[16][128];   /* allowed origins, or "*" */
} ngx_dicom_runtime_t;


typedef struct {
    /* Figure 1 of the paper */
    ngx_str_t                 name;
    ngx_dicom_server_type_e   type;            /* serverType */
    ngx_str_t                 address;
    ngx_uint_t                port;
    ngx_uint_t                database_port;   /* databasePort */

    /* ours, all optional */
    ngx_array_t              *database_urls;   /* ngx_str_t; databaseUrl, one
                                                  or a list; overrides port */
    ngx_str_t                 database_password; /* databasePasswordFile */
    ngx_uint_t                database_connections; /* a worker; default 8 */
    ngx_uint_t                database_follower_reads;  /* 0, 1 */
    ngx_uint_t                database_queue;  /* waiting; default 256 */
    ngx_msec_t                database_timeout;/* databaseTimeout; 10 s */

    ngx_str_t                 audit_key;       /* auditKeyFile */

    ngx_str_t                 facility;        /* UUID; facility and node */
    ngx_str_t                 issuer;          /* patientIssuer: of Patient IDs
                                                  that name none */
    ngx_str_t                 root;            /* web: folder of html */
    ngx_str_t                 toplevel_url;    /* web: told to the viewer */
    ngx_array_t              *connect;         /* web: ngx_str_t origins that
                                                  the viewer may talk to */
    ngx_uint_t                demo;            /* web: "not for diagnosis" */
    ngx_str_t                 node_url;        /* facility: nodeUrl of its
                                                  studies */
    ngx_str_t                 store;           /* node: folder of the store */
    ngx_array_t              *render_workers;  /* node: ngx_str_t sockets,
                                                  renderWorker, one or list */
    off_t                     max_instance;    /* node: bytes; 8 GiB */

    ngx_msec_t                render_timeout;  /* node: renderTimeout; 30 s */
    ngx_msec_t                discard_delay;   /* node: discardDelay; 60 s */

    ngx_uint_t                weak;            /* a secret under 32 bytes */

    ngx_dicom_runtime_t       runtime;
} ngx_dicom_config_t;


/*
 * Reads file into conf (strings in pool).  Relative paths in the YAML are
 * relative to the YAML's folder.  On NGX_ERROR *error is one line
 * "FILE:LINE: KEY: what" in pool, without any secret.
 */
ngx_int_t ngx_dicom_config_read(ngx_pool_t *pool, const ngx_str_t *file,
    ngx_dicom_config_t *conf, ngx_str_t *error);


#endif /* _NGX_DICOM_CONFIG_H_INCLUDED_ */
