import MartletTCP
import MartletTrace

/// The table of sockets as `netstat` of net-tools prints it: `netstat -natup`. Addresses are never cut.
package struct NetstatTable {
  package struct Columns: Equatable, Sendable {
    /// -p
    package var hasOwner = false
    /// -o
    package var hasTimers = false
    /// What the headline says is shown.
    package var shown = "(w/o servers)"

    package init() {}
  }

  private let columns: Columns
  private let owner: SocketOwner

  package init(_ columns: Columns, owner: SocketOwner) {
    self.columns = columns
    self.owner = owner
  }

  package var header: String {
    var text = "Active Internet connections \(columns.shown)\n"
    text += "Proto Recv-Q Send-Q Local Address           Foreign Address         State      "
    if columns.hasOwner { text += " PID/Program name    " }
    if columns.hasTimers { text += " Timer" }
    return text + "\n"
  }

  package func text(_ line: SocketLine) -> String {
    let isIPv6 = line.local.isIPv6 || line.local.address == "*" && line.kind != .icmp
    // A datagram socket that is connected to nobody has no state there.
    let state = line.kind == .tcp || line.remote != nil ? line.state.text(.netstat) : ""
    // What `ss` shows of a listener there, `netstat` does not.
    let sendQueue = line.state == .listen ? 0 : line.sendQueue
    var text = Self.left(line.kind.rawValue + (isIPv6 ? "6" : ""), 4) + "  "
    text += Self.right(String(line.receiveQueue), 6) + " " + Self.right(String(sendQueue), 6) + " "
    text += Self.left(Self.address(line.local), 23) + " "
    text += Self.left(line.remote.map { Self.address($0) } ?? (isIPv6 ? ":::*" : "0.0.0.0:*"), 23) + " "
    text += Self.left(state, 11)
    if columns.hasOwner {
      let isOwned = line.fields["has_handle"]?.isTrue ?? true
      text += " " + Self.left(isOwned ? "\(owner.pid)/\(owner.program)" : "-", 20)
    }
    if columns.hasTimers { text += " " + Self.timer(line) }
    return text + "\n"
  }

  /// `0.0.0.0:7` where any address is meant would be IPv4 alone: the stack listens on both.
  private static func address(_ place: SocketLine.Place) -> String {
    place.address == "*" ? ":::\(place.port)" : "\(place.bareAddress):\(place.port)"
  }

  /// `keepalive (7194.23/0/0)`
  private static func timer(_ line: SocketLine) -> String {
    guard let timer = line.timer else { return "off (0.00/0/0)" }
    let hundredths = timer.milliseconds / 10
    let name = timer.name == "persist" ? "probe" : timer.name
    let time = "\(hundredths / 100).\(SSTable.padded(hundredths % 100, 2))"
    return "\(name) (\(time)/\(timer.tries)/0)"
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
