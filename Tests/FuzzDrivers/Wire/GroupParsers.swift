import MartletWire

/// What a querier asked is possible, and short enough for its message.
func checkGroupQuery(_ query: GroupQuery?, isIPv4: Bool, of count: Int) throws(Finding) {
  guard let query else { return }
  if let group = query.group { try expect(group.isMulticast && group.isIPv4 == isIPv4, "a group is one") }
  // Floats of eight and sixteen bits: 31 << 10 tenths of a second, 8,191 << 10 milliseconds.
  try expect(query.maximumResponse <= (isIPv4 ? 3_174_400 : 8_387_584), "the time to answer has an end")
  try expect(
    query.interval <= 31_744 && query.robustness <= 7, "what a querier tells of itself fits its fields")
  let sources = Int(query.sourceCount) * (isIPv4 ? 4 : 16)
  let header = isIPv4 ? 12 : 28
  try expect(query.sourceCount == 0 || header + sources <= count, "the sources are in the message")
  if query.version < .third { try expect(query.sourceCount == 0, "older versions know no sources") }
  let wasFirst = query.version == .first
  try expect(
    !wasFirst || isIPv4 && query.maximumResponse == 10_000, "the first version of IGMP has ten seconds")
}
