#include "stages/build_facts.h"

#include "data/arrow_version.h"
#include "linear/dense/blas_library.h"
#include "model/libtorch_facts.h"

namespace armorm::stages {

BuildFacts library_facts() {
  BuildFacts facts = model::libtorch_facts();
  facts.emplace_back("arrow", data::arrow_version());
  facts.emplace_back("openblas", linear::dense::blas_description());
  return facts;
}

}  // namespace armorm::stages
