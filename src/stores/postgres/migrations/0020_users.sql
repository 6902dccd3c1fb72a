-- People who own filesets, by the name that other applications keep of them. A fileset may name an owner who is not here.
CREATE TABLE silknote_users (
  "organizationId"    text NOT NULL REFERENCES organizations (id),
  "silknoteUserUuid"  varchar(36) COLLATE "C" NOT NULL,
  name                varchar(255),
  "createdAt"         timestamptz NOT NULL DEFAULT now(),
  "updatedAt"         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("organizationId", "silknoteUserUuid")
);
