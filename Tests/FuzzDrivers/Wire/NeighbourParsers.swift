import MartletWire

/// What the options of a neighbour message say lies within them, makes sense, and comes to an end.
func checkNeighbourOptions(_ body: RawSpan) throws(Finding) {
  // A solicitation's, an advertisement's, and those of a router's word.
  for start in [0, 8, 16] where start <= body.byteCount {
    let options = body.extracting(start..<body.byteCount)
    if let read = NeighborOptions(parsing: options) {
      try expect(read != NeighborOptions() || options.byteCount % 8 == 0, "options are whole")
    }
    var (offset, before) = (0, -1)
    while let told = PrefixInformation.next(in: options, from: &offset) {
      try expect(offset > before && offset <= options.byteCount, "a walk over prefixes goes on, and ends")
      before = offset
      try expect(
        told.prefix.length <= 128 && told.prefix == told.prefix.network, "a prefix ends at its length")
    }
    (offset, before) = (0, -1)
    while let told = RouteInformation.next(in: options, from: &offset) {
      try expect(offset > before && offset <= options.byteCount, "a walk over ways goes on, and ends")
      before = offset
      try expect(
        told.prefix.length <= 128 && told.prefix == told.prefix.network, "a way's prefix ends at its length")
      try expect((-1...1).contains(told.preference), "a way's preference is one of three")
    }
  }
}
