// The only door for nginx's headers: C linkage, C's own order, and nothing of ours. CMake puts them on the
// include path as system headers, so that their warnings are not ours.
#pragma once

extern "C" {
#include <ngx_channel.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>
}

// nginx's own spelling casts the C way, in our files.
#undef ngx_string
#define ngx_string(literal) \
    { sizeof(literal) - 1, reinterpret_cast<u_char *>(const_cast<char *>(literal)) }
