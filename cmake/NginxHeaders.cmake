# nginx's headers for the module, as target nginx_headers.
#
# Debian's nginx-dev ships sources and `configure`, but not the two headers that configure makes. They are made
# here, once per build folder and nginx-dev version, with the flags of Debian's own build, so that the module's
# signature is that of Debian's binary.
set(NEXUS_NGINX_SOURCE_DIR /usr/share/nginx/src CACHE PATH "nginx source folder with configure and conf_flags")

set(NEXUS_NGINX_OBJS_DIR "" CACHE PATH "Where that tree was configured already; empty: configure it here")

if(NOT EXISTS ${NEXUS_NGINX_SOURCE_DIR}/configure)
    message(FATAL_ERROR "nginx-dev is missing (no ${NEXUS_NGINX_SOURCE_DIR}/configure): run scripts/install-deps")
endif()

if(NEXUS_NGINX_OBJS_DIR)
    set(NEXUS_NGINX_OBJS ${NEXUS_NGINX_OBJS_DIR})
    add_custom_target(nginx_auto_headers)
else()
    set(NEXUS_NGINX_OBJS ${CMAKE_BINARY_DIR}/nginx)
    set(NEXUS_NGINX_AUTO_HEADERS
        ${NEXUS_NGINX_OBJS}/ngx_auto_config.h
        ${NEXUS_NGINX_OBJS}/ngx_auto_headers.h)

    # An upgrade of nginx-dev changes these two files, and with them the headers are made again.
    add_custom_command(
        OUTPUT ${NEXUS_NGINX_AUTO_HEADERS}
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${NEXUS_NGINX_OBJS}
        COMMAND ${CMAKE_SOURCE_DIR}/cmake/nginx-configure ${NEXUS_NGINX_SOURCE_DIR} ${NEXUS_NGINX_OBJS}
        DEPENDS
            ${CMAKE_SOURCE_DIR}/cmake/nginx-configure
            ${NEXUS_NGINX_SOURCE_DIR}/conf_flags
            ${NEXUS_NGINX_SOURCE_DIR}/src/core/nginx.h
        COMMENT "nginx configure (for its headers; about ten seconds, once)"
        VERBATIM)
    add_custom_target(nginx_auto_headers DEPENDS ${NEXUS_NGINX_AUTO_HEADERS})
endif()

add_library(nginx_headers INTERFACE)
add_dependencies(nginx_headers nginx_auto_headers)
target_include_directories(nginx_headers SYSTEM INTERFACE
    ${NEXUS_NGINX_OBJS}
    ${NEXUS_NGINX_SOURCE_DIR}/src/core
    ${NEXUS_NGINX_SOURCE_DIR}/src/event
    ${NEXUS_NGINX_SOURCE_DIR}/src/event/modules
    ${NEXUS_NGINX_SOURCE_DIR}/src/os/unix
    ${NEXUS_NGINX_SOURCE_DIR}/src/http
    ${NEXUS_NGINX_SOURCE_DIR}/src/http/modules
    ${NEXUS_NGINX_SOURCE_DIR}/src/http/v2)
