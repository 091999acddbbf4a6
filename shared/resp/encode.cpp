#include "shared/resp/encode.h"

#include <charconv>

namespace nexus::resp {
namespace {

void append_header(std::string &out, char type, size_t number) {
    char text[24];
    const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
    out.push_back(type);
    out.append(text, end);
    out.append("\r\n");
}

}  // namespace

void append_command(std::string &out, std::span<const std::string_view> arguments) {
    append_header(out, '*', arguments.size());
    for (const std::string_view argument : arguments) {
        append_header(out, '$', argument.size());
        out.append(argument).append("\r\n");
    }
}

}  // namespace nexus::resp
