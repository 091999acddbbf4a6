// Words that options take, said by --help and refused before anything is sent. nexusd's own lists are
// services/access/scope.cpp and services/agents: tests hold these against its answers.
#pragma once

#include <CLI/CLI.hpp>

namespace nexus::control::cli {

inline CLI::IsMember a_grant() {
    return CLI::IsMember({"token:use", "token:read", "connection:create", "connection:refresh", "admin"});
}

inline CLI::IsMember a_scope() {
    return CLI::IsMember({"providers:read", "providers:write", "secrets:read", "connections:read",
                          "connections:write", "tokens:read", "tokens:refresh", "agents:read", "agents:write",
                          "keys:admin", "audit:read", "vault:admin", "edge"});
}

inline CLI::IsMember a_state() {
    return CLI::IsMember({"pending", "active", "attention", "failed", "expired", "revoked"});
}

}  // namespace nexus::control::cli
