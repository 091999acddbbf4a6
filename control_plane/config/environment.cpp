// The process's environment: copied for the parser, then cleared of secrets.
#include <openssl/crypto.h>
#include <cstdlib>
#include <string>

#include "control_plane/config/config.h"

extern "C" char **environ;

namespace nexus::control {

Environment process_environment() {
    Environment environment;
    for (const Variable &variable : config_variables()) {
        for (const std::string &name : {std::string(variable.name), std::string(variable.name) + "_FILE"}) {
            if (const char *value = std::getenv(name.c_str()); value != nullptr) {
                environment.emplace(name, value);
            }
        }
    }
    return environment;
}

void forget_secret_environment() noexcept {
    for (const Variable &variable : config_variables()) {
        if (!variable.secret) {
            continue;
        }
        char name[64];
        name[variable.name.copy(name, sizeof name - 1)] = '\0';
        if (char *value = std::getenv(name); value != nullptr) {
            OPENSSL_cleanse(value, std::char_traits<char>::length(value));
            ::unsetenv(name);
        }
    }
}

}  // namespace nexus::control
