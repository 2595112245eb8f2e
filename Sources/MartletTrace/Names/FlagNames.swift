public import MartletWire

extension TCPFlags {
  /// The names of the flags that are set, the telling ones first: SYN, FIN, RST, then ACK and the rest.
  public var names: [String] {
    var names: [String] = []
    if contains(.syn) { names.append("SYN") }
    if contains(.fin) { names.append("FIN") }
    if contains(.rst) { names.append("RST") }
    if contains(.psh) { names.append("PSH") }
    if contains(.ack) { names.append("ACK") }
    if contains(.urg) { names.append("URG") }
    if contains(.ece) { names.append("ECE") }
    if contains(.cwr) { names.append("CWR") }
    if contains(.ae) { names.append("AE") }
    return names
  }

  /// The names with spaces between them; `none` when no flag is set.
  public var text: String {
    let names = names
    return names.isEmpty ? "none" : joined(names, by: " ")
  }
}

/// `parts` with `separator` between them.
package func joined(_ parts: [String], by separator: String) -> String {
  var text = ""
  for (index, part) in parts.enumerated() {
    if index > 0 { text += separator }
    text += part
  }
  return text
}
