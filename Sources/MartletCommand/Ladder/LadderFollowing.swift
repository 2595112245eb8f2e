import Martlet
import MartletLinks
import MartletTCP
import MartletTrace

/// Ladders of what happens now.
struct LadderFollowing {
  private let style: LadderStyle

  init(_ style: LadderStyle) { self.style = style }

  /// Of a running Martlet, until the command is interrupted.
  func run(_ asking: AskOptions, _ filter: String?) throws {
    let drawing = Drawing(style)
    let words = filter.map { $0.split(separator: " ").map(String.init) } ?? []
    try TraceSource.running(asking, words, style.language).run(
      { _, event in
        if let event { try drawing.draw(event) }
        return true
      }, idle: drawing.settle)
    try drawing.settle()
  }

  /// Of a capture that somebody is still writing, as through a pipe, until it ends.
  func run(_ path: String) throws {
    let drawing = Drawing(style)
    var input = try CaptureInput(path: path)
    var problem: LinkError?
    var packets: UInt64 = 0
    while problem == nil {
      var packet: CapturedPacket?
      do throws(LinkError) { packet = try input.next() } catch { problem = error }
      guard let packet else { break }
      packets += 1
      guard let segment = packet.segment(of: input) else { continue }
      try drawing.draw(.segment(segment, .unknown, at: packet.instant(orNumber: packets)))
      // Nobody says why: there is nothing to wait for.
      try drawing.settle()
    }
    guard let problem else { return }
    OutputStream.error.write("\(problem.message)\n")
    if packets == 0 { throw ExitStatus.failed }
  }

  private final class Drawing {
    private var stream: LadderStream

    init(_ style: LadderStyle) { stream = LadderStream(style) }

    func draw(_ event: TraceEvent) throws { try write(stream.take(event)) }
    func settle() throws { try write(stream.settle()) }

    private func write(_ text: String) throws {
      if !text.isEmpty { try OutputStream.output.deliver(text) }
    }
  }
}
