// docs/variables-and-metrics.md lists nexusd's metrics: the same names, types and labels, and no other.
#include <gtest/gtest.h>
#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "control_plane/metrics/metrics.h"

namespace nexus::control {
namespace {

std::string manual() {
    std::ifstream file(NEXUS_DOCS_DIR "/variables-and-metrics.md");
    std::stringstream content;
    content << file.rdbuf();
    const std::string text = content.str();
    const size_t section = text.find("## Metrics of nexusd");
    return section == std::string::npos ? "" : text.substr(section);
}

std::string describe(const std::string &name, const std::string &type,
                     const std::vector<std::string> &labels) {
    std::string text = name + " " + type;
    for (const std::string &label : labels) {
        text += " " + label;
    }
    return text;
}

/// The table's rows as `describe` writes them.
std::vector<std::string> documented() {
    std::vector<std::string> rows;
    const std::string text = manual();
    const std::regex row(R"(\n\| `(\w+)` \| (\w+) \| ([^|]*) \| [^|]+ \|)"), label(R"(`(\w+)`)");
    for (auto it = std::sregex_iterator(text.begin(), text.end(), row); it != std::sregex_iterator(); ++it) {
        std::vector<std::string> labels;
        const std::string column = (*it)[3];
        for (auto l = std::sregex_iterator(column.begin(), column.end(), label); l != std::sregex_iterator();
             ++l) {
            labels.push_back((*l)[1]);
        }
        rows.push_back(describe((*it)[1], (*it)[2], labels));
    }
    return rows;
}

TEST(MetricsManual, HasEveryMetricInItsOrderAndNoOther) {
    const Metrics metrics;
    std::vector<std::string> rows;
    for (const MetricInfo &metric : metrics.catalogue()) {
        rows.push_back(describe(metric.name, metric.type, metric.labels));
    }
    EXPECT_EQ(documented(), rows);
}

TEST(MetricsManual, SaysWhatTheScrapeSays) {
    const std::string text = manual();
    const Metrics metrics;
    for (const MetricInfo &metric : metrics.catalogue()) {
        EXPECT_NE(text.find("| " + metric.meaning + "."), std::string::npos)
            << metric.name << ": " << metric.meaning;
    }
}

TEST(Catalogue, NamesAreUniqueAndWellFormed) {
    const Metrics metrics;
    std::set<std::string> names;
    const std::regex form("[a-z][a-z0-9_]*");
    for (const MetricInfo &metric : metrics.catalogue()) {
        EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
        EXPECT_TRUE(std::regex_match(metric.name, form)) << metric.name;
        EXPECT_EQ(metric.type == "counter", metric.name.ends_with("_total")) << metric.name;
    }
}

}  // namespace
}  // namespace nexus::control
