# The targets with a main() of ours, over the code as this build has it: none of them can stop building unseen.
leave_cases_unoptimised()

add_library(read_seeds OBJECT read_seeds.cpp)
target_link_libraries(read_seeds PRIVATE nexus_shared nexus_options)

foreach(name IN LISTS targets)
    add_executable(seeds_${name} ${name}_fuzz.cpp)
    target_link_libraries(seeds_${name} PRIVATE read_seeds nexus_shared nexus_options)
    add_test(NAME seeds/${name} COMMAND seeds_${name} ${CMAKE_CURRENT_SOURCE_DIR}/seeds/${name})
    set_tests_properties(seeds/${name} PROPERTIES LABELS unit TIMEOUT 60)
endforeach()

foreach(name json_text record_id redis_reply trace_parent)
    target_link_libraries(seeds_${name} PRIVATE nexus_module_static nexus_shared)
endforeach()
target_link_libraries(seeds_request_parser PRIVATE nexus_cp_server)
target_link_libraries(seeds_url PRIVATE nexus_cp_http nexus_cp_url)
target_link_libraries(seeds_id_token PRIVATE nexus_cp_oidc nexus_cp_json)
