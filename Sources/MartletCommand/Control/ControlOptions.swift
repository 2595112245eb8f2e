import ArgumentParser
import Martlet
import MartletLinks
import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a command that runs a stack can be asked about it.
struct ControlOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Answer \"martlet ss\" and others at this Unix socket.", valueName: "path"))
  var control: String?

  @Option(
    help: ArgumentHelp(
      "Let the members of this group ask, too; otherwise only the user who runs it can.", valueName: "group"),
    transform: { try ControlGroup(parsing: $0) })
  var controlGroup: ControlGroup?

  /// Makes the socket that was asked for; nil: none was.
  func open(of loops: [LoopControl]) throws(LinkError) -> ControlSocket? {
    guard let control else { return nil }
    return try open(at: control, loops)
  }

  /// Makes the socket that was asked for, or one where others look for it. That there is no room for the latter is no
  /// reason not to serve.
  func openAnywhere(of loops: [LoopControl], _ journal: Journal) throws(LinkError) -> ControlSocket? {
    if control != nil { return try open(of: loops) }
    guard let path = ControlPlace.own() else { return nil }
    do throws(LinkError) {
      return try open(at: path, loops)
    } catch {
      journal.tell(.detail, "no_control", "There is no control socket: \(error.message)") {
        $0.add("reason", error.message)
      }
      return nil
    }
  }

  private func open(at path: String, _ loops: [LoopControl]) throws(LinkError) -> ControlSocket {
    var configuration = ControlSocketConfiguration(path: path)
    configuration.group = controlGroup?.number
    return try ControlSocket(configuration, of: loops)
  }
}

/// A group of users, as it is typed: its name or number.
package struct ControlGroup: Equatable, Sendable {
  package let number: UInt32

  package init(parsing text: String) throws(SpecificationError) {
    if let number = UInt32(text) {
      self.number = number
    } else if let group = getgrnam(text) {
      number = group.pointee.gr_gid
    } else {
      throw SpecificationError("There is no group \"\(text)\". Give one of \"getent group\".")
    }
  }
}

/// Which running Martlet a command asks.
struct AskOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The control socket to ask (default: $MARTLET_CONTROL, or the only one in $XDG_RUNTIME_DIR/martlet or /run/martlet).",
      valueName: "path"))
  var control: String?

  func client() throws -> ControlClient { try ControlClient(at: ControlPlace.find(control)) }
}
