internal import MartletTCP
internal import MartletWire

/// The words on an arrow, each with how much it matters, so that what does not fit can go.
package struct SegmentLabel: Sendable {
  private var words: [(text: String, weight: Int)] = []

  package init(_ seen: Observation, _ numbers: RelativeSegment, _ language: Language) {
    let segment = seen.segment
    if seen.number > 0 { add("#" + String(seen.number), 0) }
    add(segment.flags.text, 0)
    if let cause = seen.resetCause { add("(" + cause.text(language) + ")", 0) }
    if seen.isForged { add(Phrase.forged.text(language), 0) }
    if seen.isCopy { add(Phrase.copy.text(language), 0) }
    let isExplained = !seen.findings.isEmpty
    if isExplained { add(seen.findings.text(language), 0) }
    if !isExplained, numbers.isWindowProbe { add(Phrase.windowProbe.text(language), 0) }
    if !isExplained, numbers.isKeepAlive { add(Phrase.keepAlive.text(language), 0) }
    if !isExplained, numbers.isRetransmission, !seen.isCopy, !seen.isForged {
      add(Phrase.retransmission.text(language), 0)
    }
    add("seq=" + String(numbers.seq), 0)
    if let ack = numbers.ack { add("ack=" + String(ack), 0) }
    if segment.textCount > 0 { add("len=" + String(segment.textCount), 0) }
    if !segment.flags.contains(.rst) { add(Self.window(numbers), 2) }
    if segment.flags.contains(.urg) { add("up=" + String(segment.header.urgentPointer), 1) }
    for block in numbers.sack { add("sack=" + String(block.start) + "-" + String(block.end), 1) }
    addOptions(segment)
  }

  /// The short form, for where a segment is drawn the second time.
  package init(arrivalOf seen: Observation, _ numbers: RelativeSegment) {
    if seen.number > 0 { add("#" + String(seen.number), 0) }
    add(seen.segment.flags.text, 0)
    add("seq=" + String(numbers.seq), 0)
    if let ack = numbers.ack { add("ack=" + String(ack), 0) }
  }

  private mutating func add(_ text: String, _ weight: Int) { words.append((text, weight)) }

  private static func window(_ numbers: RelativeSegment) -> String {
    guard let octets = numbers.window else { return "win=" + String(numbers.windowField) + "?" }
    return "win=" + String(octets)
  }

  private mutating func addOptions(_ segment: TracedSegment) {
    let options = segment.header.options
    guard segment.flags.contains(.syn) else { return }
    if options.present.contains(.maximumSegmentSize) { add("mss=" + String(options.maximumSegmentSize), 3) }
    if options.present.contains(.windowScale) { add("ws=" + String(options.windowScale.shift), 4) }
    if options.present.contains(.sackPermitted) { add("sack", 5) }
    if options.present.contains(.timestamps) { add("ts", 6) }
    if options.present.contains(.fastOpen) { add("tfo", 5) }
  }

  /// One line of at most `width` columns. The least telling words go first; `more`
  /// says, where it fits, that some went.
  package func line(width: Int, more: String) -> String {
    var kept = words
    var text = joined(kept.map { $0.text }, by: " ")
    while text.columns > width, let last = Self.leastTelling(kept), kept.count > 1 {
      kept.remove(at: last)
      text = joined(kept.map { $0.text }, by: " ")
    }
    let marked = text + " " + more
    return kept.count < words.count && marked.columns <= width ? marked : text.clipped(to: width)
  }

  /// Two lines of `width` columns at most, three where they are short, broken between words.
  package func lines(width: Int, more: String) -> [String] {
    let limit = width < 24 ? 3 : 2
    var kept = words
    while true {
      let lines = Self.wrapped(kept.map { $0.text } + (kept.count < words.count ? [more] : []), width)
      if lines.count <= limit { return lines.map { $0.clipped(to: width) } }
      guard kept.count > 1, let last = Self.leastTelling(kept) else {
        return [line(width: width, more: more)]
      }
      kept.remove(at: last)
    }
  }

  private static func leastTelling(_ words: [(text: String, weight: Int)]) -> Int? {
    var choice: Int?
    for (index, word) in words.enumerated() {
      if let best = choice, words[best].weight > word.weight { continue }
      choice = index
    }
    return choice
  }

  private static func wrapped(_ words: [String], _ width: Int) -> [String] {
    var lines: [String] = []
    for word in words {
      if let last = lines.last, last.columns &+ 1 &+ word.columns <= width {
        lines[lines.count &- 1] = last + " " + word
      } else {
        lines.append(word)
      }
    }
    return lines
  }
}
