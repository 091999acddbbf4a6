# Warnings, sanitizers and ccache for every target; `nexus_options` is what each room links.
add_library(nexus_options INTERFACE)
target_compile_options(nexus_options INTERFACE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wformat=2
    -Wimplicit-fallthrough -Wnull-dereference
    $<$<BOOL:${NEXUS_WERROR}>:-Werror>
    -fno-omit-frame-pointer -fstack-protector-strong)
target_compile_definitions(nexus_options INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports false positives of these two inside libstdc++ at -O2.
    target_compile_options(nexus_options INTERFACE -Wno-null-dereference -Wno-restrict)
endif()

if(NEXUS_SANITIZE)
    add_compile_options(-fsanitize=${NEXUS_SANITIZE} -fno-sanitize-recover=undefined)
    add_link_options(-fsanitize=${NEXUS_SANITIZE})
    if(NEXUS_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        # ThreadSanitizer does not know fences. The one user, the module's sequence lock, reads and writes its
        # entries through relaxed atomics, so that no report is false for it, and none is lost.
        add_compile_options(-Wno-tsan)
    endif()
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
