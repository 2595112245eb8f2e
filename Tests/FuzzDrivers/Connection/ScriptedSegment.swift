import MartletTCP
import MartletWire

/// Where a connection stands, whatever record it is in: what segments of a script are relative to.
struct Numbers {
  var una: SequenceNumber
  var nxt: SequenceNumber
  var max: SequenceNumber
  var rcvNxt: SequenceNumber
  /// The right edge of the receive window.
  var edge: SequenceNumber
  var tsRecent: UInt32
  /// What this side's TSval would be now.
  var tsClock: UInt32
  var timestamps: Bool
}

/// A segment of a script, and whether its text is a lie.
struct ScriptedSegment {
  var seg: Segment
  var lies = false
  var text: [UInt8] = []
}

/// What makes segments out of octets. Its short forms are what an honest peer sends; the long form can
/// say anything, but near what is true, because that is where the decisions are.
struct SegmentWriter {
  /// The window that the peer offered last.
  var window = UnscaledWindow(32_768)
  /// The peer's timestamp clock is this far from ours.
  let peerClockOffset: UInt32 = 0x7fff_0000

  /// The next text in order, acknowledging everything.
  func inOrder(_ n: Numbers, count: Int, flags: TCPFlags = [.ack, .psh]) -> Segment {
    var seg = Segment(
      seq: n.rcvNxt, ack: n.max, flags: flags, wnd: window, textCount: UInt32(count))
    addTimestamps(to: &seg, n)
    return seg
  }

  /// Timestamps of a peer with a good clock, where they are in use.
  func addTimestamps(to seg: inout Segment, _ n: Numbers) {
    guard n.timestamps else { return }
    seg.options.present.insert(.timestamps)
    seg.options.tsval = n.tsClock &+ peerClockOffset
    seg.options.tsecr = n.tsClock &- 3
  }

  /// Anything.
  mutating func anySegment(_ n: Numbers, _ script: inout ByteScript) -> Segment {
    let control = script.next()
    let flags = TCPFlags(rawValue: UInt16(script.next()))
    let seqBase = [n.rcvNxt, n.edge, n.rcvNxt.retreated(by: 1), n.rcvNxt.advanced(by: 1 << 31)]
    let ackBase = [n.max, n.una, n.nxt, n.una.advanced(by: 1 << 31)]
    let seq = seqBase[Int(control & 3)].moved(by: script.nextDistance())
    let ack = ackBase[Int(control >> 2 & 3)].moved(by: script.nextDistance())
    let wnd = nextWindow(&script)
    var seg = Segment(seq: seq, ack: ack, flags: flags, wnd: wnd, textCount: UInt32(script.nextCount()))
    if flags.contains(.urg) {
      let up = script.next()
      seg.up = up == .max ? .max : UInt16(up)
    }
    switch control >> 4 & 3 {
    case 0: addTimestamps(to: &seg, n)
    case 1: break
    case 2:
      seg.options.present.insert(.timestamps)
      seg.options.tsval = n.tsRecent &+ UInt32(truncatingIfNeeded: script.nextDistance())
      seg.options.tsecr = n.tsClock &- UInt32(script.nextCount())
    default:
      seg.options.present.insert(.timestamps)
      seg.options.tsval = n.tsRecent &+ (1 << 31) &+ UInt32(truncatingIfNeeded: script.nextDistance())
      seg.options.tsecr = 0
    }
    if control & 0x40 != 0 { addBlocks(to: &seg, n, &script) }
    if control & 0x80 != 0 { addHandshakeOptions(to: &seg, &script) }
    return seg
  }

  private mutating func nextWindow(_ script: inout ByteScript) -> UnscaledWindow {
    let octet = script.next()
    switch octet {
    case 0: return window
    case 1: window = UnscaledWindow(0)
    case 2: window = UnscaledWindow(1)
    case 3: window = UnscaledWindow(100)
    case 4: window = UnscaledWindow(.max)
    case 5: window = UnscaledWindow(script.next16())
    default: window = UnscaledWindow(UInt16(octet) * 97)
    }
    return window
  }

  /// SACK blocks, most of them lies: of what was never sent, backwards, empty, or half a turn away.
  private func addBlocks(to seg: inout Segment, _ n: Numbers, _ script: inout ByteScript) {
    let count = script.next() & 3
    for i in 0...Int(count) {
      let start = n.una.moved(by: script.nextDistance())
      seg.options.sack[i] = SACKBlock(start: start, end: start.moved(by: script.nextDistance()))
    }
    seg.options.sackCount = count + 1
    seg.options.present.insert(.sack)
  }

  /// What belongs on a SYN, wherever it stands now.
  func addHandshakeOptions(to seg: inout Segment, _ script: inout ByteScript) {
    let octet = script.next()
    if octet & 1 != 0 {
      seg.options.present.insert(.maximumSegmentSize)
      seg.options.maximumSegmentSize = max(1, UInt16(octet >> 4) * 97)
    }
    if octet & 2 != 0 {
      seg.options.present.insert(.windowScale)
      seg.options.windowScale = WindowScale(octet >> 4)
    }
    if octet & 4 != 0 { seg.options.present.insert(.sackPermitted) }
    if octet & 8 != 0 { seg.options.present.insert(.fastOpen) }
  }
}

extension Segment {
  /// For the story.
  var line: String {
    "\(flags) seq \(seq.rawValue) ack \(ack.rawValue) wnd \(wnd.field) text \(textCount) \(options.line)"
  }
}

extension SegmentPlan {
  var line: String {
    "\(flags) seq \(seq.rawValue) ack \(ack.rawValue) wnd \(window.field) text \(textCount) \(options.line)"
  }
}

extension TCPOptions {
  var line: String {
    var line = ""
    if present.contains(.timestamps) { line += "ts \(tsval) \(tsecr) " }
    if present.contains(.maximumSegmentSize) { line += "mss \(maximumSegmentSize) " }
    if present.contains(.windowScale) { line += "ws \(windowScale.shift) " }
    if present.contains(.sack) { line += "sack \(sackCount)" }
    return line
  }
}
