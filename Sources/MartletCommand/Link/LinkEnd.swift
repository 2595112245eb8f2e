import MartletWire

/// One end of a damaging link, as it is typed: `dev=NAME,netns=NAME,address=ADDRESS/LENGTH`. The
/// kernel of that namespace is behind it.
package struct LinkEnd: Equatable, Sendable {
  package var device = "martlet%d"
  package var netns: String?
  /// The kernel's, with the prefixes that it reaches through the link.
  package var addresses: [IPPrefix] = []

  package init(parsing text: String) throws {
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: "="), part.index(after: equals) < part.endIndex else {
        throw SpecificationError(
          "\"\(part)\" says nothing of an end. Write dev=NAME,netns=NAME,address=10.7.0.1/24.")
      }
      let value = String(part[part.index(after: equals)...])
      switch part[..<equals] {
      case "dev": device = value
      case "netns": netns = value
      case "address": addresses.append(try AddressArgument.parse(value))
      case let key:
        throw SpecificationError("An end of a link has no \"\(key)\". It has dev, netns and address.")
      }
    }
  }

  /// `l0 in a, 10.7.0.1/24`
  func text(_ name: String) -> String {
    let list = addresses.map { ", \($0)" }.joined()
    return name + (netns.map { " in \($0)" } ?? "") + list
  }
}
