"""Key pairs, by name and by id, which moto does not know for deleting."""

from __future__ import annotations

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, refuse, returned


class KeyPairs(LabResponse):
    """Actions on key pairs."""

    def delete_key_pair(self) -> ActionResult:
        """Delete a key pair; one that is not there is deleted, too."""
        name, identifier = self._get_param("KeyName"), self._get_param("KeyPairId")
        if not (name or identifier):
            raise refuse("MissingParameter", "The request must contain the parameter keyName or keyPairId")
        self.error_on_dryrun()
        pairs = self.ec2_backend.key_pairs
        found = [pair for pair in pairs.values() if identifier in (None, pair.id) and name in (None, pair.key_name)]
        for pair in found:
            del pairs[pair.key_name]
        return returned(Return=True, KeyPairId=found[0].id if found else None)

    def describe_key_pairs(self) -> ActionResult:
        """List key pairs."""
        wanted = self._get_param("KeyPairIds", [])
        if wanted:
            known = {pair.id: pair.key_name for pair in self.ec2_backend.key_pairs.values()}
            if unknown := [one for one in wanted if one not in known]:
                raise refuse("InvalidKeyPair.NotFound", f"The key pair ids '{unknown}' do not exist")
            self.params["KeyNames"] = [known[one] for one in wanted]
        return super().describe_key_pairs()
