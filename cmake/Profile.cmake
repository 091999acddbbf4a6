# Laying out the module by what a running nginx executes (scripts/optimise, docs/decisions/0089): it is built to count,
# asked the requests of tests/bench/train.mjs, and built again by the counts. Both in one build folder: the counts lie
# beside the object files.
set(NEXUS_PROFILE "" CACHE STRING "generate: count what is executed; use: optimise by these counts, across files")
set_property(CACHE NEXUS_PROFILE PROPERTY STRINGS "" generate use)

if(NEXUS_PROFILE)
    # Functions are known by where they stand, and ccache may write paths in another way each time.
    unset(CMAKE_C_COMPILER_LAUNCHER)
    unset(CMAKE_CXX_COMPILER_LAUNCHER)
endif()

if(NEXUS_PROFILE STREQUAL "generate")
    add_compile_options(-fprofile-generate)
    add_link_options(-fprofile-generate)
elseif(NEXUS_PROFILE STREQUAL "use")
    # What the training did not execute is optimised as ever, and not for size: it is as good a request.
    add_compile_options(-fprofile-use -fprofile-partial-training -Wno-missing-profile)
    add_link_options(-fprofile-use -Wno-missing-profile)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
elseif(NOT NEXUS_PROFILE STREQUAL "")
    message(FATAL_ERROR "NEXUS_PROFILE is \"${NEXUS_PROFILE}\"; it may be generate, use, or empty")
endif()
