// docs/configuration.md says what the program does: the same variables, defaults and meanings.
#include <gtest/gtest.h>
#include <fstream>
#include <sstream>

#include "control_plane/config/config.h"

namespace nexus::control {
namespace {

std::string row_of(const Variable &variable) {
    const std::string name = "`" + std::string(variable.name) + "`" + (variable.secret ? " *" : "");
    const std::string fallback = variable.required ? "required"
                                 : variable.default_value.empty()
                                     ? ""
                                     : "`" + std::string(variable.default_value) + "`";
    return "| " + name + " | " + fallback + " | " + std::string(variable.meaning) + " |";
}

TEST(ConfigurationManual, HasEveryVariableAndNoOther) {
    std::ifstream file(NEXUS_DOCS_DIR "/configuration.md");
    std::stringstream content;
    content << file.rdbuf();
    const std::string manual = content.str();
    std::string table;
    for (const Variable &variable : config_variables()) {
        table += row_of(variable) + "\n";
    }
    EXPECT_NE(manual.find(table), std::string::npos) << "the table should read\n" << table;
}

TEST(Help, HasEveryVariable) {
    const std::string help = config_help();
    for (const Variable &variable : config_variables()) {
        EXPECT_NE(help.find(variable.name), std::string::npos) << variable.name;
    }
}

}  // namespace
}  // namespace nexus::control
