/* What the two kinds of collateral source share. */
#pragma once

#include "dcap/collateral_source.h"

typedef struct {
  /* Sets *failure when it fails. */
  DcapCollateral *(*get)(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                         DcapFailure *failure, GError **error);
  void (*free)(DcapCollateralSource *source);
} DcapSourceOps;

struct DcapCollateralSource {
  const DcapSourceOps *ops;
  gatomicrefcount refs;
};
