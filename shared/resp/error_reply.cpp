#include "shared/resp/error_reply.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nexus::resp {
namespace {

using Word = std::pair<std::string_view, ErrorKind>;

constexpr std::array kWords = {
    Word{"MOVED", ErrorKind::kMoved},           Word{"ASK", ErrorKind::kAsk},
    Word{"TRYAGAIN", ErrorKind::kTryAgain},     Word{"CLUSTERDOWN", ErrorKind::kClusterDown},
    Word{"READONLY", ErrorKind::kReadOnly},     Word{"LOADING", ErrorKind::kNotServing},
    Word{"MASTERDOWN", ErrorKind::kNotServing}, Word{"NOAUTH", ErrorKind::kNotServing},
    Word{"WRONGPASS", ErrorKind::kNotServing},  Word{"DENIED", ErrorKind::kNotServing},  // protected mode
};

}  // namespace

ErrorKind kind_of_error(std::string_view error) noexcept {
    const std::string_view word = first_word(error);
    const auto *known = std::find_if(kWords.begin(), kWords.end(),
                                     [&](const Word &candidate) { return candidate.first == word; });
    return known == kWords.end() ? ErrorKind::kCommand : known->second;
}

std::string_view first_word(std::string_view error) noexcept {
    constexpr size_t kLongest = 32;
    const std::string_view word = error.substr(0, error.find(' '));
    const bool is_word = !word.empty() && word.size() <= kLongest &&
                         std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    return is_word ? word : "an error";
}

}  // namespace nexus::resp
