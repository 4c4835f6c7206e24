#include "serve/protocols/protocols.h"

namespace armorm::serve::protocols {

std::vector<std::unique_ptr<Protocol>> all() {
  std::vector<std::unique_ptr<Protocol>> all;
  all.push_back(score_rows());
  all.push_back(openrlhf());
  all.push_back(slime());
  all.push_back(classify("/classify"));
  all.push_back(classify("/v1/classify"));
  all.push_back(pooling("/pooling"));
  all.push_back(embeddings("/v1/embeddings"));
  return all;
}

}  // namespace armorm::serve::protocols
