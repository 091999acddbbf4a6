// The series of one metric by their label values. A family of prometheus-cpp builds a metric and a map at
// each call; here a series that exists costs one lookup under a shared lock. Bounds how many there can be.
#pragma once

#include <prometheus/family.h>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nexus::control {

template <typename Metric>
class Series {
public:
    static constexpr size_t kMaxSeries = 2000;

    template <typename... Arguments>
    Series(prometheus::Family<Metric> &family, std::vector<std::string> labels, Arguments... arguments)
        : labels_(std::move(labels)), make_([&family, arguments...](const prometheus::Labels &with) {
              return &family.Add(with, arguments...);
          }) {}

    /// values  one for each label, in their order. Above kMaxSeries every value reads "other".
    Metric &at(std::initializer_list<std::string_view> values) {
        thread_local std::string key;
        key.clear();
        for (const std::string_view value : values) {
            key.append(value).push_back('\0');
        }
        {
            const std::shared_lock lock(mutex_);
            if (const auto known = series_.find(key); known != series_.end()) {
                return *known->second;
            }
        }
        const std::unique_lock lock(mutex_);
        if (const auto known = series_.find(key); known != series_.end()) {
            return *known->second;
        }
        const bool is_full = series_.size() >= kMaxSeries;
        prometheus::Labels with;
        size_t i = 0;
        for (const std::string_view value : values) {
            with.emplace(labels_.at(i++), is_full ? std::string("other") : std::string(value));
        }
        Metric *made = make_(with);
        if (!is_full) {
            series_.emplace(key, made);
        }
        return *made;
    }

private:
    const std::vector<std::string> labels_;
    const std::function<Metric *(const prometheus::Labels &)> make_;
    std::shared_mutex mutex_;
    std::unordered_map<std::string, Metric *> series_;
};

}  // namespace nexus::control
