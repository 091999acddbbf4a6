// The process's environment: copied for the parser, then cleared of secrets.
#include "control_plane/config/environment.h"

#include <openssl/crypto.h>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

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

void forget_libpq_environment() {
    std::vector<std::string> names;
    for (char **entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (text.starts_with("PG")) {
            names.emplace_back(text.substr(0, text.find('=')));
        }
    }
    for (const std::string &name : names) {
        ::unsetenv(name.c_str());
    }
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
