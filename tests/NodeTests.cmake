# Every *.test.mjs of a folder becomes one ctest test that carries the folder's label.

# nexus_node_test(LABEL NAME FILE TIMEOUT [NAME=VALUE...]): one file, with these in its environment.
function(nexus_node_test label name file timeout)
    set(environment "NEXUS_BUILD_DIR=${CMAKE_BINARY_DIR}" "NODE_NO_WARNINGS=1" ${ARGN})
    if(NEXUS_SANITIZE MATCHES "address")
        list(APPEND environment "NEXUS_ASAN=1")
    endif()
    if(NEXUS_VALGRIND)
        list(APPEND environment "NEXUS_VALGRIND=1")
        math(EXPR timeout "${timeout} * 10")
    endif()
    add_test(NAME ${label}/${name}
        COMMAND ${CMAKE_SOURCE_DIR}/tests/support/node --test-reporter=spec --test-force-exit ${file})
    set_tests_properties(${label}/${name} PROPERTIES
        LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT "${environment}")
endfunction()

# nexus_node_tests(LABEL TIMEOUT): seconds until ctest ends a test; the programs it started end with it.
function(nexus_node_tests label timeout)
    file(GLOB files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.test.mjs)
    foreach(file IN LISTS files)
        string(REGEX REPLACE "\\.test\\.mjs$" "" name ${file})
        nexus_node_test(${label} ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${timeout})
    endforeach()
endfunction()
