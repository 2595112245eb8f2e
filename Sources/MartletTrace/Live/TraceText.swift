internal import MartletTCP

/// A trace as lines to be read while it goes on: each segment, and under it what was decided, and why.
public struct TraceText: Sendable {
  private let style: LadderStyle
  private var flows = LiveFlows()
  private var words: NoteText
  private var origin: Instant?
  /// The flow that the last line was of.
  private var last: Int?

  /// Of the style its width, language, colour and choice of reasons count.
  public init(_ style: LadderStyle) {
    self.style = style
    words = NoteText(style.language)
  }

  /// The lines of the next event, each ended by a newline.
  public mutating func take(_ event: TraceEvent) -> String {
    switch event {
    case .segment(let segment, let direction, let time): take(segment, direction, time, event.flow)
    case .record(let record, let flow): take(record, flow)
    case .lost(let events): paint(style.language.left(out: events), faint: true) + "\n"
    }
  }

  private mutating func take(
    _ segment: TracedSegment, _ direction: PacketDirection, _ time: Instant, _ name: TraceFlow?
  ) -> String {
    guard let name else { return "" }
    let place = flows.place(of: name).place
    let (seen, numbers) = flows[place].take(segment, direction, at: time)
    last = place
    let arrow = style.ascii ? " -> " : " → "
    let ends = segment.source.text + arrow + segment.destination.text + "  "
    let label = SegmentLabel(seen, numbers, style.language)
    let room = max(style.columns - Self.indent - ends.columns, 40)
    return clock(time) + ends + label.line(width: room, more: style.glyphs.more) + "\n"
  }

  private mutating func take(_ record: FlightRecorder.Record, _ name: TraceFlow?) -> String {
    guard !record.rule.isName else { return "" }
    var note = LadderNote(.record(record), at: .left, time: record.time)
    guard record.rule == .transition || style.draws(note) else { return "" }
    var base = RecordBase()
    var head = ""
    if let name {
      let place = flows.place(of: name).place
      base = flows[place].base
      // It is about the segment above, or says which flow it is about.
      if place != last { head = clock(record.time) + name.local.text + " – " + name.remote.text + "\n" }
      last = place
      note.side = flows[place].ownSide ?? .left
    } else {
      last = nil
    }
    let marker = spaces(Self.indent) + (style.ascii ? "- " : "· ")
    let lines = words.words(of: note, base).wrapped(to: max(style.columns - Self.indent - 2, 40))
    var text = head
    for (index, line) in lines.enumerated() {
      let words = (index == 0 ? marker : spaces(Self.indent + 2)) + line
      text += paint(words, faint: record.rule != .transition) + "\n"
    }
    return text
  }

  private static var indent: Int { 15 }

  /// Since the first event.
  private mutating func clock(_ time: Instant) -> String {
    let origin = origin ?? time
    self.origin = origin
    return time.since(origin).text.aligned(right: Self.indent - 2) + "  "
  }

  private func paint(_ words: String, faint: Bool) -> String {
    style.colour ? "\u{1b}[" + (faint ? "2" : "1") + "m" + words + "\u{1b}[0m" : words
  }
}
